/**
 * The object that the API answers with, or an array as the `list` of one. Of any other answer, as a proxy's page or none
 * at all, it says the status.
 *
 * @throws when an answer of success breaks off; of a refusal, as of a request that the server did not read to its end, the
 *   status is enough
 */
export async function bodyOf(response) {
  const text = response.text();
  const body = objectIn(response.ok ? await text : await text.catch(() => ''));
  return { ...body, message: body.message || `HTTP ${response.status}` };
}

function objectIn(text) {
  try {
    const value = JSON.parse(text);
    return Array.isArray(value) ? { list: value } : Object(value);
  } catch {
    return {};
  }
}
