/**
 * The object in the API's answer; an array becomes its `list`. For any other answer, such as a proxy's page, `message` is
 * the status.
 *
 * @throws when a successful answer breaks off; for a refusal the status is enough
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
