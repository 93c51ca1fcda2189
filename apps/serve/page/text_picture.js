// The picture with a map over it, and the part of it that is drawn with mouse or finger.

// Stops of the colour table "turbo".
const colours = [[48, 18, 59], [70, 107, 227], [40, 188, 235], [50, 242, 152], [164, 252, 60], [238, 207, 58], [251, 126, 33], [208, 47, 5], [122, 4, 3]];
const longestSide = 1600;  // of the canvas
const smallestPart = 4;    // pixels; anything less is a click

function colourOf(value) {
  const at = Math.min(Math.max(value, 0), 1) * (colours.length - 1);
  const low = Math.min(Math.floor(at), colours.length - 2);
  return colours[low].map((from, i) => from + (colours[low + 1][i] - from) * (at - low));
}

// One pixel a cell, from the map's lowest value to its highest.
function painted({ values, rows, cols }) {
  const canvas = Object.assign(document.createElement('canvas'), { width: cols, height: rows });
  const brush = canvas.getContext('2d');
  const image = brush.createImageData(cols, rows);
  const lowest = Math.min(...values);
  const range = Math.max(...values) - lowest || 1;
  values.forEach((value, i) => image.data.set([...colourOf((value - lowest) / range), 255], 4 * i));
  brush.putImageData(image, 0, 0);
  return canvas;
}

export class TextPicture {
  alpha = 0.5;
  size = [0, 0];  // of the picture, in its own pixels
  part = null;    // [x, y, width, height] of it
  #canvas;
  #brush;
  #image = null;
  #map = null;
  #corner = null;
  #drawn = null;

  constructor(canvas, choosePart) {
    this.#canvas = canvas;
    this.#brush = canvas.getContext('2d');
    canvas.addEventListener('pointerdown', (event) => {
      // A moving picture has no parts.
      if (!this.#image || this.#image instanceof HTMLVideoElement || event.button !== 0) return;
      this.#corner = this.#at(event);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!this.#corner) return;
      this.#drawn = this.#between(this.#corner, this.#at(event));
      this.draw();
    });
    canvas.addEventListener('pointerup', () => {
      const part = this.#drawn;
      this.#corner = this.#drawn = null;
      if (part && part[2] >= smallestPart && part[3] >= smallestPart) choosePart(part);
      this.draw();
    });
    canvas.addEventListener('pointercancel', () => {
      this.#corner = this.#drawn = null;
      this.draw();
    });
  }

  // A bitmap, or a video whose frame of this moment is drawn.
  show(image, width, height) {
    this.#image = image;
    this.size = [width, height];
    const scale = Math.min(1, longestSide / Math.max(width, height));
    const [w, h] = [width * scale, height * scale].map((side) => Math.max(1, Math.round(side)));
    if (this.#canvas.width !== w || this.#canvas.height !== h) Object.assign(this.#canvas, { width: w, height: h });
    this.draw();
  }

  hide() {
    this.#image = null;
    this.draw();
  }

  // `map`: { values, rows, cols, seen }, or null.
  overlay(map) {
    this.#map = map && { ...map, cells: painted(map) };
    this.draw();
  }

  draw() {
    const { width, height } = this.#canvas;
    const brush = this.#brush;
    brush.clearRect(0, 0, width, height);
    if (!this.#image) return;
    brush.drawImage(this.#image, 0, 0, width, height);
    if (this.#map) {
      brush.globalAlpha = this.alpha;
      brush.drawImage(this.#map.cells, ...this.#scaled(this.#map.seen));
      brush.globalAlpha = 1;
    }
    const part = this.#drawn ?? this.part;
    if (!part) return;
    const [x, y, w, h] = this.#scaled(part);
    brush.fillStyle = '#0009';
    brush.fillRect(0, 0, width, y);
    brush.fillRect(0, y + h, width, height - y - h);
    brush.fillRect(0, y, x, h);
    brush.fillRect(x + w, y, width - x - w, h);
    brush.strokeStyle = '#f0a33c';
    brush.lineWidth = 2;
    brush.strokeRect(x, y, w, h);
  }

  #scaled([x, y, w, h]) {
    const [across, down] = [this.#canvas.width / this.size[0], this.#canvas.height / this.size[1]];
    return [x * across, y * down, w * across, h * down];
  }

  // Pixel of the picture under the pointer. The canvas keeps its shape inside its box, so there may be a margin.
  #at(event) {
    const box = this.#canvas.getBoundingClientRect();
    const scale = Math.min(box.width / this.#canvas.width, box.height / this.#canvas.height);
    const centred = getComputedStyle(this.#canvas).objectPosition.startsWith('50%');
    const margin = centred ? (box.width - this.#canvas.width * scale) / 2 : 0;
    const clamp = (at, side, whole) => Math.min(Math.max(Math.round((at / scale / side) * whole), 0), whole);
    return [clamp(event.clientX - box.left - margin, this.#canvas.width, this.size[0]),
      clamp(event.clientY - box.top, this.#canvas.height, this.size[1])];
  }

  #between([a, b], [c, d]) {
    return [Math.min(a, c), Math.min(b, d), Math.abs(a - c), Math.abs(b - d)];
  }
}
