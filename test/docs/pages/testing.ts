import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/testing.md');

page.test("describe('a lost answer'");
page.test("it('never exceeds the quota'");
page.test("it('takes the place of the real service'");
