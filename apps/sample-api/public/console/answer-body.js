/** The object that the API answers with. Of any other answer, as a proxy's page or none at all, it says the status. */
export async function bodyOf(response) {
  const body = objectIn(await response.text());
  return { ...body, message: body.message || `HTTP ${response.status}` };
}

function objectIn(text) {
  try {
    const value = JSON.parse(text);
    return Array.isArray(value) ? {} : Object(value);
  } catch {
    return {};
  }
}
