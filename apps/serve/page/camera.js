// This browser's camera as the program's source.
import { Refused, pause, request, send, tell } from './net.js';

const longestSide = 960;

export async function openCamera() {
  if (!navigator.mediaDevices) {
    throw new Error('A browser lends its camera to https and localhost only: open the page through a tunnel, ssh -L 8080:localhost:8080 HOST.');
  }
  return navigator.mediaDevices.getUserMedia({
    video: { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: { ideal: 'environment' } },
  });
}

export const playing = (stream) =>
  Object.assign(document.createElement('video'), { muted: true, playsInline: true, srcObject: stream });

export class Camera {
  #id = null;
  #stream = null;

  get on() {
    return this.#id !== null;
  }

  async start() {
    const stream = await openCamera();
    try {
      this.#id = (await send('POST', '/api/camera', {})).camera;
    } catch (error) {
      stream.getTracks().forEach((track) => track.stop());
      throw error;
    }
    this.#stream = stream;
    this.#run(this.#id, stream);
  }

  // The loop below takes leave when its last frame has arrived.
  stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#id = this.#stream = null;
  }

  // For a page that is about to vanish.
  abandon() {
    if (this.#id) fetch(`/api/camera/${this.#id}`, { method: 'DELETE', keepalive: true });
    this.stop();
  }

  // One frame at a time: the next is taken when the program has the one before.
  async #run(id, stream) {
    const video = playing(stream);
    const canvas = document.createElement('canvas');
    await video.play().catch(() => {});
    while (this.#id === id) {
      if (!video.videoWidth) {
        await pause(50);
        continue;
      }
      const scale = Math.min(1, longestSide / Math.max(video.videoWidth, video.videoHeight));
      canvas.width = Math.round(video.videoWidth * scale);
      canvas.height = Math.round(video.videoHeight * scale);
      canvas.getContext('2d').drawImage(video, 0, 0, canvas.width, canvas.height);
      const jpeg = await new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.85));
      try {
        await request('POST', `/api/camera/${id}`, jpeg, 'image/jpeg');
        await pause(10);
      } catch (error) {
        tell(error.message);
        if (error instanceof Refused && error.status === 404) {
          if (this.#id === id) this.stop();
          return;
        }
        await pause(500);
      }
    }
    await request('DELETE', `/api/camera/${id}`).catch((error) => tell(error.message));
  }
}
