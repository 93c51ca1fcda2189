// The browser's camera in the picture's place, until one of its frames is frozen and taken.
import { openCamera, playing } from './camera.js';
import { tell } from './net.js';

export class TextCamera {
  #button;
  #freeze;
  #page;
  #take;
  #video = null;

  // `take` is given the frozen frame, a JPEG.
  constructor(button, freeze, page, take) {
    this.#button = button;
    this.#freeze = freeze;
    this.#page = page;
    this.#take = take;
    button.addEventListener('click', () => {
      if (this.#video) this.stop();
      else this.#start().catch((error) => tell(error.message));
    });
    freeze.addEventListener('click', () => this.freeze());
  }

  get live() {
    return this.#video !== null;
  }

  async freeze() {
    this.#take(await this.#frame());
  }

  stop() {
    if (!this.#video) return;
    this.#video.srcObject.getTracks().forEach((track) => track.stop());
    this.#video = null;
    this.#page.restore();
    this.#render();
  }

  async #start() {
    const video = playing(await openCamera());
    await video.play();
    this.#video = video;
    this.#page.clear();
    this.#render();
    const draw = () => {
      if (this.#video !== video) return;
      if (video.videoWidth) this.#page.picture.show(video, video.videoWidth, video.videoHeight);
      requestAnimationFrame(draw);
    };
    draw();
  }

  #frame() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    canvas.getContext('2d').drawImage(this.#video, 0, 0);
    return new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.95));
  }

  #render() {
    this.#button.setAttribute('aria-pressed', String(this.#video !== null));
    this.#button.textContent = this.#video ? 'Stop the camera' : "Use this browser's camera";
    this.#freeze.hidden = this.#video === null;
  }
}
