// This page as one of the program's viewers: its settings, its pictures, what is known of them.
import { Refused, get, pause, request, send, tell } from './net.js';

export class Viewer extends EventTarget {
  settings = {};
  shown = null;
  #id = null;
  #joining = null;
  #pending = null;
  #sending = false;

  get path() {
    return `/api/viewers/${this.#id}`;
  }

  // Also again when the program has forgotten us, or was started anew.
  join() {
    this.#joining ??= send('POST', '/api/viewers', this.settings)
      .then((answer) => {
        this.#id = answer.viewer;
        this.#take(answer.settings);
      })
      .finally(() => { this.#joining = null; });
    return this.#joining;
  }

  #take(settings) {
    this.settings = settings;
    this.dispatchEvent(new Event('settings'));
  }

  // Changes that come while one is on its way are sent together afterwards.
  async change(part) {
    this.#pending = { ...this.#pending, ...part };
    if (this.#sending) return;
    this.#sending = true;
    try {
      while (this.#pending) {
        const part = this.#pending;
        this.#pending = null;
        const answer = await this.#try(() => send('PATCH', this.path, part));
        if (answer && !this.#pending) this.#take(answer.settings);
      }
    } finally {
      this.#sending = false;
    }
  }

  // Runs it, joining once more where we were forgotten; undefined when it was refused.
  async #try(action) {
    const id = this.#id;
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof Refused)) {
        tell('The program does not answer. Trying again…');
        await pause(1000);
      } else if (error.status === 404) {
        if (id === this.#id) await this.join().catch((again) => tell(again.message));
        await pause(200);
      } else {
        tell(error.message);
        if (error.status !== 422) await pause(1000);
        this.dispatchEvent(new Event('settings'));
      }
      return undefined;
    }
  }

  // Calls back with each new picture, the newest there is when the one before has been drawn.
  async watch(draw) {
    let sequence = 0;
    for (;;) {
      if (document.hidden) await new Promise((seen) => document.addEventListener('visibilitychange', seen, { once: true }));
      const response = await this.#try(() => request('GET', `${this.path}/picture?after=${sequence}&wait=5000`));
      if (!response) sequence = 0;
      if (!response || response.status !== 200) continue;
      sequence = Number(response.headers.get('Fovea-Sequence'));
      const picture = await createImageBitmap(await response.blob()).catch(() => null);
      if (!picture) continue;
      draw(picture, sequence);
      picture.close();
    }
  }

  // What is known of the newest picture, a few times a second.
  async follow() {
    for (;;) {
      if (!document.hidden) {
        const answer = await this.#try(() => get(this.path));
        if (answer) {
          this.shown = answer.shown;
          this.source = answer.source;
          tell(answer.shown?.problem ?? answer.source.note);
          this.dispatchEvent(new Event('shown'));
        }
      }
      await pause(250);
    }
  }

  leave() {
    if (this.#id) fetch(this.path, { method: 'DELETE', keepalive: true });
  }
}
