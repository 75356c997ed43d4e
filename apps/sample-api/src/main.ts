import { x } from 'nestjs-mimc';
import { y } from 'nestjs-mimc/testing';
console.log('hi', x, y);
