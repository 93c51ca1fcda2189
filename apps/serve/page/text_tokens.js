// The text as pieces that can be pointed at, each with the tokens that wrote it. What the model wrote only ever
// becomes the content of text nodes.

const mean = (maps) => ({ ...maps[0], values: maps[0].values.map((_, i) => maps.reduce((sum, map) => sum + map.values[i], 0) / maps.length) });

export class Tokens extends EventTarget {
  unit = 'word';
  #box;
  #given = '';
  #pieces = [];  // { text, token, span } in the order of the text; marks are of tokens without one
  #kept = null;

  constructor(box) {
    super();
    this.#box = box;
    const pieceOf = (event) => this.#pieces.find(({ span }) => span === event.target);
    box.addEventListener('pointerover', (event) => {
      const piece = pieceOf(event);
      if (piece) this.#show(piece);
    });
    box.addEventListener('pointerleave', () => this.#show(this.#kept));
    box.addEventListener('focusin', (event) => this.#show(pieceOf(event) ?? null));
    box.addEventListener('focusout', () => this.#show(this.#kept));
    const keep = (piece) => {
      if (!piece) return;
      this.#kept = this.#group(this.#kept).includes(piece) ? null : piece;
      this.#show(this.#kept);
    };
    box.addEventListener('click', (event) => keep(pieceOf(event)));
    box.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      keep(pieceOf(event));
    });
  }

  clear() {
    this.#pieces = [];
    this.#kept = null;
    this.#given = '';
    this.#box.replaceChildren();
    this.#show(null);
  }

  // A token of the stream. It may take back the end of what stood there, half a character for example.
  add(token) {
    const before = token.so_far.slice(0, token.so_far.length - token.text.length);
    if (this.#pieces.length === 0 && before) this.#give(before);
    let left = before.length - this.#given.length;
    for (const piece of this.#pieces) {
      piece.text = piece.text.slice(0, Math.max(left, 0));
      left -= piece.text.length;
      if (!piece.mark) piece.span.textContent = piece.text;
    }
    const span = document.createElement('span');
    span.tabIndex = 0;
    span.textContent = token.text || token.token;
    span.classList.toggle('mark', !token.text);
    const piece = { text: token.text, mark: !token.text, token, span };
    this.#pieces.push(piece);
    this.#box.append(span);
    if (!this.#kept) this.#show(piece);
  }

  // All is written: the picture is shown as it is until somebody points.
  finish() {
    this.#show(this.#kept);
  }

  #give(text) {
    this.#given = text;
    const span = Object.assign(document.createElement('span'), { className: 'given', textContent: text });
    this.#box.append(span);
  }

  // The piece's word, or itself.
  #group(piece) {
    if (!piece) return [];
    if (this.unit === 'token' || piece.mark) return [piece];
    const apart = (a, b) => a.mark || b.mark || /\s$/.test(a.text) || /^\s/.test(b.text);
    let first = this.#pieces.indexOf(piece);
    let last = first;
    while (first > 0 && !apart(this.#pieces[first - 1], this.#pieces[first])) --first;
    while (last + 1 < this.#pieces.length && !apart(this.#pieces[last], this.#pieces[last + 1])) ++last;
    return this.#pieces.slice(first, last + 1);
  }

  #show(piece) {
    const [group, kept] = [this.#group(piece), this.#group(this.#kept)];
    for (const one of this.#pieces) {
      one.span.classList.toggle('shown', group.includes(one));
      one.span.classList.toggle('kept', kept.includes(one));
    }
    const detail = group.length === 0 ? null : {
      text: group.map((one) => one.text || one.token.token).join('').trim(),
      probabilities: group.map((one) => one.token.probability),
      elsewhere: group.reduce((sum, one) => sum + one.token.attention.elsewhere, 0) / group.length,
      map: mean(group.map((one) => ({ values: one.token.attention.values }))),
    };
    this.dispatchEvent(new CustomEvent('shown', { detail }));
  }
}
