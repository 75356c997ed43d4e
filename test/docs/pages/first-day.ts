import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/first-day.md');
page.test('goes from the login to the phone');

// The test of the page is its scenario: it boots what the other blocks show.
for (const file of ['class AppModule', 'class TripsController', 'class Messages']) page.fence('ts', file);
