// The picture, and asking its patches with mouse, finger and keyboard.

export class Picture {
  #canvas;
  #viewer;
  #brush;
  #cursor = null;

  constructor(canvas, viewer, takesQuery) {
    this.#canvas = canvas;
    this.#viewer = viewer;
    this.#brush = canvas.getContext('2d');
    canvas.addEventListener('pointermove', (event) => {
      const at = event.pointerType === 'mouse' ? this.#frameAt(event) : null;
      if (at && takesQuery() && String(at) !== String(viewer.settings.hover)) viewer.change({ hover: at });
    });
    canvas.addEventListener('pointerleave', () => {
      if (viewer.settings.hover) viewer.change({ hover: null });
    });
    canvas.addEventListener('click', (event) => {
      const at = this.#frameAt(event);
      if (at && takesQuery()) this.#pin(at);
    });
    canvas.addEventListener('keydown', (event) => {
      if (takesQuery() && this.#key(event.key)) event.preventDefault();
    });
  }

  draw(picture) {
    if (this.#canvas.width !== picture.width || this.#canvas.height !== picture.height) {
      this.#canvas.width = picture.width;
      this.#canvas.height = picture.height;
    }
    this.#brush.drawImage(picture, 0, 0);
  }

  // Pixel of the frame under the pointer; null beside it. The canvas keeps its shape inside its box, so there
  // may be a margin.
  #frameAt(event) {
    const shown = this.#viewer.shown;
    if (!shown) return null;
    const box = this.#canvas.getBoundingClientRect();
    const scale = Math.min(box.width / this.#canvas.width, box.height / this.#canvas.height);
    const centred = getComputedStyle(this.#canvas).objectPosition.startsWith('50%');
    const margin = centred ? (box.width - this.#canvas.width * scale) / 2 : 0;
    const [width, height] = shown.frame_size;
    let x = (event.clientX - box.left - margin) / scale;
    let y = (event.clientY - box.top) / scale;
    if (shown.tile) {
      const [left, top, tileWidth, tileHeight] = shown.tile.picture;
      x = (((x % shown.tile.size[0]) - left) * width) / tileWidth;
      y = (((y % shown.tile.size[1]) - top) * height) / tileHeight;
    } else if (this.#viewer.settings.side_by_side) {
      x %= width;
    }
    if (x < 0 || y < 0 || x >= width || y >= height) return null;
    return this.#seen([x, y]) ? this.#centre([x, y]) : null;
  }

  // Of the patch that this pixel lies in, so that a hand that trembles asks for nothing new.
  #centre([x, y]) {
    const [left, top] = this.#viewer.shown.visible;
    const [width, height] = this.#cell();
    const middle = (at, from, size) => Math.round((from + (Math.floor((at - from) / size) + 0.5) * size) * 10) / 10;
    return [middle(x, left, width), middle(y, top, height)];
  }

  #seen([x, y]) {
    const [left, top, width, height] = this.#viewer.shown.visible;
    return x >= left && y >= top && x < left + width && y < top + height;
  }

  // A pin where there is none; away with one that is there.
  #pin(at) {
    const [width, height] = this.#cell();
    const pins = this.#viewer.settings.pins;
    const others = pins.filter(([x, y]) => Math.abs(x - at[0]) > width / 2 || Math.abs(y - at[1]) > height / 2);
    const next = others.length < pins.length ? others : [...pins, at].slice(-6);
    this.#viewer.change({ pins: next, hover: null });
  }

  #cell() {
    const { visible, maps } = this.#viewer.shown;
    const grid = maps[0] ?? { rows: 14, cols: 14 };
    return [visible[2] / grid.cols, visible[3] / grid.rows];
  }

  // Arrow keys walk from patch to patch.
  #key(key) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!this.#viewer.shown) return false;
    if (key === 'Enter' && this.#cursor) {
      this.#pin(this.#cursor);
      return true;
    }
    if (!steps[key]) return false;
    const [left, top, width, height] = this.#viewer.shown.visible;
    const [cellWidth, cellHeight] = this.#cell();
    const from = this.#cursor ?? this.#centre([left + width / 2, top + height / 2]);
    const to = [from[0] + steps[key][0] * cellWidth, from[1] + steps[key][1] * cellHeight];
    if (this.#seen(to)) this.#cursor = to;
    this.#viewer.change({ hover: this.#cursor ?? from });
    return true;
  }
}
