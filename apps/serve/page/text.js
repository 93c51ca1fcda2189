// Puts the page of a model that writes text together.
import { get, Refused, tell } from './net.js';
import { TextCamera } from './text_camera.js';
import { TextPicture } from './text_picture.js';
import { Tokens } from './text_tokens.js';

const find = (id) => document.getElementById(id);
const verbs = { read: 'Read', caption: 'Describe', ask: 'Ask' };
const sendable = ['image/jpeg', 'image/png', 'image/webp'];

// The lines of an answer as they come.
async function* linesOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ''; ;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

class Page {
  #model;
  #file = null;    // what is sent
  #bitmap = null;  // of it
  #running = null;
  #beginning = null;
  #whole = null;

  constructor(model) {
    this.#model = model;
    this.picture = new TextPicture(find('picture'), (part) => this.choosePart(part));
    this.tokens = new Tokens(find('text'));
    this.tokens.addEventListener('shown', (event) => this.#point(event.detail));
  }

  // A file or what a camera gave.
  async take(blob) {
    const bitmap = await createImageBitmap(blob).catch(() => { throw new Error('This browser cannot read that picture.'); });
    this.#file = sendable.includes(blob.type) ? blob : await this.#converted(bitmap);
    this.#bitmap = bitmap;
    this.clear();
    this.restore();
    if (this.#model.words !== 'question' || find('words').value.trim()) await this.run();
  }

  // No text and no part; the picture stays.
  clear() {
    this.stop();
    this.tokens.clear();
    this.picture.part = null;
    find('whole').hidden = true;
  }

  // Shows the picture that was taken last.
  restore() {
    if (!this.#bitmap) {
      this.picture.hide();
      return;
    }
    const { width, height } = this.#bitmap;
    this.picture.show(this.#bitmap, width, height);
    find('title').textContent = `${width} × ${height}`;
  }

  #converted(bitmap) {
    const canvas = Object.assign(document.createElement('canvas'), { width: bitmap.width, height: bitmap.height });
    canvas.getContext('2d').drawImage(bitmap, 0, 0);
    return new Promise((done) => canvas.toBlob(done, 'image/png'));
  }

  choosePart(part) {
    this.picture.part = part;
    find('whole').hidden = !part;
    this.picture.draw();
    this.run();
  }

  stop() {
    if (!this.#running) return;
    this.#running.abort();
    this.#running = null;
    this.tokens.finish();
    this.#render();
  }

  async run() {
    if (!this.#file) {
      tell('There is no picture yet.');
      return;
    }
    this.stop();
    const running = new AbortController();
    this.#running = running;
    this.#render();
    tell('');
    this.tokens.clear();
    try {
      await this.#write(running);
    } catch (error) {
      if (running.signal.aborted) return;
      tell(error instanceof TypeError ? 'The program does not answer.' : error.message);
    } finally {
      if (this.#running === running) {
        this.#running = null;
        this.#render();
        this.tokens.finish();
      }
    }
  }

  async #write(running) {
    const query = new URLSearchParams({ max_tokens: find('most').value });
    if (this.#model.words && find('words').value.trim()) query.set(this.#model.words, find('words').value);
    if (this.picture.part) query.set('region', this.picture.part.join(','));
    this.#beginning = this.#whole = null;
    const response = await fetch(`/api/text/stream?${query}`, { method: 'POST', body: this.#file, credentials: 'same-origin', signal: running.signal });
    if (!response.ok) {
      const answer = await response.json().catch(() => ({}));
      throw new Refused(response.status, answer.error ?? `the program answered ${response.status}`);
    }
    for await (const line of linesOf(response)) {
      if (running.signal.aborted) return;
      if (line.error) throw new Error(line.error);
      if (line.tokens) this.#whole = line;
      else if (line.grid) this.#beginning = line;
      else this.tokens.add(line);
    }
    if (!this.#whole) throw new Error('The program broke off.');
  }

  #render() {
    find('text').classList.toggle('writing', this.#running !== null);
    find('stop').hidden = this.#running === null;
    find('save').disabled = this.#whole === null;
    const whole = this.#whole;
    find('source').textContent = this.#running ? 'writing …' :
      whole ? `${whole.tokens.length} tokens · ${whole.ms.text.toFixed(0)} ms${whole.ended ? '' : ' · not at its end'}` : '';
  }

  // Somebody points at a piece, or at none.
  #point(detail) {
    if (!detail || !this.#beginning) {
      this.picture.overlay(null);
      find('about').textContent = '';
      return;
    }
    const { grid: [rows, cols], seen } = this.#beginning;
    this.picture.overlay({ ...detail.map, rows, cols, seen });
    const likely = detail.probabilities.map((p) => p.toFixed(2)).join(' · ');
    find('about').textContent = `“${detail.text}” ${likely}, ${(100 * detail.elsewhere).toFixed(0)} % elsewhere`;
  }

  save() {
    const url = URL.createObjectURL(new Blob([JSON.stringify(this.#whole)], { type: 'application/json' }));
    Object.assign(document.createElement('a'), { href: url, download: 'fovea.json' }).click();
    URL.revokeObjectURL(url);
  }
}

function bindPictures(page) {
  const take = (file) => {
    camera.stop();
    page.take(file).catch((error) => tell(error.message));
  };
  const camera = new TextCamera(find('camera'), find('freeze'), page, take);
  find('file').addEventListener('change', () => find('file').files[0] && take(find('file').files[0]));
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
  document.addEventListener('paste', (event) => event.clipboardData.files[0] && take(event.clipboardData.files[0]));
  window.addEventListener('pagehide', () => camera.stop());
  return camera;
}

async function start() {
  const model = await get('/api/model');
  find('model').textContent = `${model.architecture} · ${model.device}`;
  find('task').textContent = verbs[model.task];
  find('go').textContent = verbs[model.task];
  find('words-row').hidden = !model.words;
  find('words-name').textContent = model.words === 'question' ? 'Question' : 'Begins with';
  find('words').value = model.first_words;
  Object.assign(find('most'), { value: model.max_tokens, max: model.max_tokens });
  const page = new Page(model);
  const camera = bindPictures(page);
  find('controls').addEventListener('submit', (event) => {
    event.preventDefault();
    if (camera.live) camera.freeze();
    else page.run();
  });
  find('whole').addEventListener('click', () => page.choosePart(null));
  find('stop').addEventListener('click', () => page.stop());
  find('save').addEventListener('click', () => page.save());
  find('unit').addEventListener('change', () => { page.tokens.unit = find('unit').value; });
  const alpha = find('alpha');
  const strength = () => {
    find('alpha-value').textContent = alpha.value;
    page.picture.alpha = Number(alpha.value);
    page.picture.draw();
  };
  alpha.addEventListener('input', strength);
  strength();
}

start().catch((error) => tell(error.message));
