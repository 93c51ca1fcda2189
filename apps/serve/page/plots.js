// Bars of the best classes, and the time of each stage, frame by frame.

const stages = [
  ['upload', '#5b8dd6'], ['preprocess', '#4fb0a5'], ['model', '#f0a33c'],
  ['maps', '#b98ad9'], ['overlay', '#d9738a'], ['download', '#7d8996'],
];
const latencyColour = '#e3e7eb';
const kept = 120;

export class Bars {
  #list;
  #rows = [];

  constructor(list, choose) {
    this.#list = list;
    this.choose = choose;
  }

  #row(rank) {
    if (this.#rows[rank]) return this.#rows[rank];
    const [item, button, bar, label, number] = ['li', 'button', 'span', 'span', 'span'].map((name) => document.createElement(name));
    button.type = 'button';
    bar.className = 'bar';
    number.className = 'number';
    button.append(bar, label, number);
    button.addEventListener('click', () => this.choose(rank));
    item.append(button);
    this.#list.append(item);
    this.#rows[rank] = { item, button, bar, label, number };
    return this.#rows[rank];
  }

  // `chosen` is the rank or number of the class that the map is for, null where it is for none.
  render(top, chosen) {
    top.forEach((one, rank) => {
      const row = this.#row(rank);
      row.item.hidden = false;
      row.bar.style.width = `${one.probability * 100}%`;
      row.label.textContent = one.label;
      row.number.textContent = one.probability.toFixed(3);
      row.button.disabled = chosen === null;
      row.button.classList.toggle('chosen', chosen === `top${rank + 1}` || chosen === one.index);
    });
    this.#rows.slice(top.length).forEach((row) => { row.item.hidden = true; });
  }
}

export class Times {
  #canvas;
  #legend;
  #frames = [];

  constructor(canvas, legend) {
    this.#canvas = canvas;
    this.#legend = legend;
    legend.append(...[...stages, ['latency', latencyColour]].map(([name, colour]) => {
      const item = document.createElement('li');
      const patch = document.createElement('i');
      patch.style.background = colour;
      item.append(patch, document.createTextNode(name));
      return item;
    }));
  }

  add(shown) {
    if (this.#frames.at(-1)?.sequence === shown.sequence) return;
    this.#frames.push(shown);
    if (this.#frames.length > kept) this.#frames.shift();
    this.#render(shown);
  }

  #render(newest) {
    const values = [...stages.map(([name]) => newest.device_ms[name]), newest.latency_ms];
    [...this.#legend.children].forEach((item, i) => {
      item.lastChild.textContent = `${[...stages.map(([name]) => name), 'latency'][i]} ${values[i].toFixed(1)}`;
    });
    const canvas = this.#canvas;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio].map(Math.round);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const brush = canvas.getContext('2d');
    brush.clearRect(0, 0, width, height);
    const highest = Math.max(1e-3, ...this.#frames.map((f) => Math.max(f.latency_ms, ...stages.map(([n]) => f.device_ms[n]))));
    const step = width / kept;
    const left = width - step * this.#frames.length;
    const up = (ms) => (ms / highest) * height * 0.9;
    this.#frames.forEach((frame, i) => {
      let bottom = height;
      for (const [name, colour] of stages) {
        const tall = up(frame.device_ms[name]);
        brush.fillStyle = colour;
        brush.fillRect(left + i * step, bottom - tall, Math.ceil(step), tall);
        bottom -= tall;
      }
    });
    brush.strokeStyle = latencyColour;
    brush.lineWidth = ratio;
    brush.beginPath();
    this.#frames.forEach((frame, i) => brush.lineTo(left + (i + 0.5) * step, height - up(frame.latency_ms)));
    brush.stroke();
    brush.fillStyle = '#9aa5b1';
    brush.font = `${11 * ratio}px system-ui, sans-serif`;
    brush.fillText(`${highest.toFixed(0)} ms`, 4 * ratio, 12 * ratio);
  }
}
