// Everything that can be set, built from what the program says of its model.

const find = (id) => document.getElementById(id);
const option = (value, text) => Object.assign(document.createElement('option'), { value, textContent: text });

export class Controls {
  #model;
  #viewer;

  constructor(model, viewer) {
    this.#model = model;
    this.#viewer = viewer;
    find('method').append(...model.methods.map((m) => option(m.name, m.name)));
    find('colormap').append(...model.colormaps.map((name) => option(name, name)));
    for (const id of ['method', 'spread', 'colormap', 'scale']) this.#on(id, 'change', (e) => ({ [id]: e.value }));
    for (const id of ['alpha', 'smoothing']) this.#on(id, 'input', (e) => ({ [id]: Number(e.value) }));
    for (const id of ['side_by_side', 'frozen']) this.#on(id, 'change', (e) => ({ [id]: e.checked }));
    this.#on('layer', 'input', (e) => ({ layer: this.method.layers[Number(e.value)] }));
    this.#on('head', 'change', (e) => (/^\d+$/.test(e.value) ? { head: Number(e.value) } : { head: null, fusion: e.value }));
    this.#on('class', 'change', (e) => {
      const text = e.value.trim() || 'top1';
      return { class: /^\d+$/.test(text) ? Number(text) : text };
    });
    for (const id of ['lowest', 'highest']) {
      this.#on(id, 'change', () => ({ range: [Number(find('lowest').value), Number(find('highest').value)] }));
    }
    find('unpin').addEventListener('click', () => viewer.change({ pins: [], hover: null }));
    find('controls').addEventListener('submit', (event) => event.preventDefault());
    viewer.addEventListener('settings', () => this.render());
  }

  get method() {
    return this.#model.methods.find((m) => m.name === this.#viewer.settings.method) ?? this.#model.methods[0];
  }

  #on(id, event, part) {
    find(id).addEventListener(event, () => this.#viewer.change(part(find(id))));
  }

  nameClasses(labels) {
    if (labels.length <= 2000) find('labels').append(...labels.map((label) => option(label, '')));
  }

  // A control that is being used keeps what its user gave it.
  #put(id, value) {
    const element = find(id);
    if (element !== document.activeElement || element.type !== 'text') element.value = value;
  }

  render() {
    const { method } = this;
    const s = this.#viewer.settings;
    this.#put('method', s.method);
    find('meaning').textContent = `${method.meaning} (${method.class_specific ? 'for a class' : 'the same whatever the class'})`;
    this.#renderLayers(method, s);
    find('class-row').hidden = !method.class_specific;
    this.#put('class', s.class);
    find('query-row').hidden = find('query-hint').hidden = !method.takes_query;
    find('picture').classList.toggle('asks-nothing', !method.takes_query);
    this.#renderPins(s.pins);
    this.#renderParameters(method, s);
    for (const id of ['colormap', 'alpha', 'scale', 'smoothing', 'spread']) this.#put(id, s[id]);
    find('alpha-value').textContent = `${Math.round(s.alpha * 100)} %`;
    find('smoothing-value').textContent = s.smoothing ? s.smoothing.toFixed(2) : 'none';
    find('range-row').hidden = s.scale !== 'fixed';
    this.#put('lowest', s.range[0]);
    this.#put('highest', s.range[1]);
    find('side_by_side').checked = s.side_by_side;
    find('frozen').checked = s.frozen;
  }

  #renderLayers(method, s) {
    find('layer-row').hidden = !method.takes_layer;
    find('layer').max = Math.max(0, method.layers.length - 1);
    find('layer').value = method.layers.indexOf(s.layer);
    const layer = this.#model.layers[s.layer];
    find('layer-name').textContent = layer ? `${s.layer} · ${layer.name}` : '';
    const heads = layer?.heads ?? 1;
    find('head-row').hidden = !method.takes_head || heads < 2;
    const select = find('head');
    if (select.options.length !== heads + 3) {
      select.replaceChildren(...['mean', 'max', 'min'].map((name) => option(name, `${name} of all`)),
        ...Array.from({ length: heads }, (_, i) => option(String(i), `head ${i}`)));
    }
    select.value = s.head === null ? s.fusion : String(s.head);
    const [, allHeads, allLayers] = find('spread').options;
    allHeads.disabled = !method.takes_head || heads < 2;
    allLayers.disabled = !method.takes_layer || method.layers.length < 2;
    find('spread-row').hidden = allHeads.disabled && allLayers.disabled;
  }

  // Sliders of what this method takes beside layer, heads and class.
  #renderParameters(method, s) {
    const place = find('parameters');
    const wanted = [...method.parameters];
    if (method.takes_start_layer) {
      wanted.unshift({ name: 'start_layer', meaning: 'first layer that counts', lowest: 0, highest: s.layer, step: 1 });
    }
    if (place.dataset.names !== wanted.map((p) => p.name).join()) {
      place.dataset.names = wanted.map((p) => p.name).join();
      place.replaceChildren(...wanted.map((p) => this.#slider(p)));
    }
    for (const { name, highest } of wanted) {
      const slider = find(name);
      slider.max = highest;
      slider.value = s[name];
      slider.previousElementSibling.textContent = s[name];
    }
  }

  #slider({ name, meaning, lowest, highest, step }) {
    const [label, output, input] = ['label', 'output', 'input'].map((tag) => document.createElement(tag));
    Object.assign(input, { id: name, type: 'range', min: lowest, max: highest, step });
    label.title = meaning;
    const text = name.replace('_', ' ');
    label.append(text[0].toUpperCase() + text.slice(1), ' ', output, ' ', input);
    input.addEventListener('input', () => this.#viewer.change({ [name]: Number(input.value) }));
    return label;
  }

  #renderPins(pins) {
    find('pins').replaceChildren(...pins.map((pin, index) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.title = `Remove the pin at ${Math.round(pin[0])}, ${Math.round(pin[1])}`;
      button.setAttribute('aria-label', button.title);
      button.style.background = this.#model.pin_colours[index];
      button.addEventListener('click', () => this.#viewer.change({ pins: pins.filter((_, i) => i !== index) }));
      return button;
    }));
  }

  // The one after, or before, round and round.
  #step(list, now, by) {
    const at = list.indexOf(now);
    return list[(at + by + list.length) % list.length];
  }

  // The window's keys, but for Tab, which belongs to the browser.
  keys() {
    const s = () => this.#viewer.settings;
    const change = (part) => this.#viewer.change(part);
    const tenth = (by) => change({ alpha: Math.min(1, Math.max(0, Math.round(s().alpha * 10 + by) / 10)) });
    const layer = (by) => this.method.takes_layer && change({ layer: this.#step(this.method.layers, s().layer, by), spread: 'one' });
    const head = (by) => {
      const heads = this.#model.layers[s().layer]?.heads ?? 1;
      if (this.method.takes_head) change({ head: this.#step([null, ...Array(heads).keys()], s().head, by), spread: 'one' });
    };
    const keys = new Map([
      [' ', ['freeze', () => change({ frozen: !s().frozen })]],
      ['[', ['layer before', () => layer(-1)]],
      [']', ['layer after', () => layer(1)]],
      [',', ['head before', () => head(-1)]],
      ['.', ['head after', () => head(1)]],
      ['a', ['all heads', () => this.method.takes_head && change({ spread: s().spread === 'heads' ? 'one' : 'heads' })]],
      ['m', ['next method', () => change({ method: this.#step(this.#model.methods.map((m) => m.name), s().method, 1) })]],
      ['f', ['next fusion of heads', () => change({ head: null, fusion: this.#step(['mean', 'max', 'min'], s().fusion, 1) })]],
      ['o', ['next colours', () => change({ colormap: this.#step(this.#model.colormaps, s().colormap, 1) })]],
      ['-', ['map weaker', () => tenth(-1)]],
      ['=', ['map stronger', () => tenth(1)]],
      ['v', ['side by side', () => change({ side_by_side: !s().side_by_side })]],
      ['n', ['next brightness', () => change({ scale: this.#step(['frame', 'running', 'fixed'], s().scale, 1) })]],
      ['c', ['ask the class token', () => change({ pins: [], hover: null })]],
      ['s', ['save PNG, NPY and JSON', () => find('save-all').click()]],
      ['h', ['these keys', () => { const d = document.querySelector('details'); d.open = !d.open; }]],
    ]);
    for (let rank = 1; rank <= 5; ++rank) {
      keys.set(String(rank), [`map for the class ranked ${rank}`, () => this.method.class_specific && change({ class: `top${rank}` })]);
    }
    return keys;
  }
}
