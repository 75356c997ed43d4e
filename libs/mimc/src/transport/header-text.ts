/** Whether a text can be the value of a header as it is: printable ASCII, without white space at its ends. */
export function isHeaderText(text: string): boolean {
  return /^[!-~](?:[ -~]*[!-~])?$/.test(text);
}
