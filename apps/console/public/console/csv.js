/** The first of these outside quotes separates the fields. */
const SEPARATORS = new Set([',', ';', '\t']);

/** Splits CSV into records (RFC 4180) as its pieces arrive. A record ends at a line feed outside quotes. */
export class CsvReader {
  #separator;
  #fields = [];
  #field = '';
  #isQuoted = false;
  /** After a quote inside quotes: it ends them, or is the first of two that stand for one. */
  #hasQuote = false;

  /** @returns {string[][]} the records that this piece completes */
  push(text) {
    const records = [];
    for (const char of text) {
      if (this.#isQuoted && !this.#hasQuote) {
        if (char === '"') this.#hasQuote = true;
        else this.#field += char;
      } else if (char === '"') {
        if (this.#hasQuote) this.#field += char;
        else if (this.#field === '') this.#isQuoted = true;
        else this.#field += char;
        this.#hasQuote = false;
      } else {
        this.#isQuoted = false;
        this.#hasQuote = false;
        if (char === '\n') records.push(this.#record());
        else if (this.#separates(char)) this.#fields.push(this.#take());
        else if (char !== '\r') this.#field += char;
      }
    }
    return records;
  }

  /** @returns {string[][]} the record that no line feed has completed */
  end() {
    return this.#fields.length === 0 && this.#field === '' ? [] : [this.#record()];
  }

  #separates(char) {
    if (this.#separator === undefined && SEPARATORS.has(char)) this.#separator = char;
    return char === this.#separator;
  }

  #record() {
    const record = [...this.#fields, this.#take()];
    this.#fields = [];
    return record;
  }

  #take() {
    const field = this.#field;
    this.#field = '';
    return field;
  }
}
