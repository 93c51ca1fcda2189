// Puts the page together.
import { Camera } from './camera.js';
import { Controls } from './controls.js';
import { get, pause, request, tell } from './net.js';
import { Picture } from './picture.js';
import { Bars, Times } from './plots.js';
import { Viewer } from './viewer.js';

const find = (id) => document.getElementById(id);

function save(name, url) {
  Object.assign(document.createElement('a'), { href: url, download: name }).click();
}

// All three of one picture: the description fixes which.
async function saveAll(viewer) {
  const response = await request('GET', `${viewer.path}/snapshot.json`);
  const sequence = response.headers.get('Fovea-Sequence');
  const text = await response.text();
  const stem = `fovea.${JSON.parse(text).frame}`;
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  save(`${stem}.json`, url);
  for (const ending of ['png', 'npy']) {
    await pause(200);  // browsers drop downloads that start at the same moment
    save(`${stem}.${ending}`, `${viewer.path}/snapshot.${ending}?sequence=${sequence}`);
  }
  URL.revokeObjectURL(url);
}

function bindKeys(keys) {
  const shown = (key) => (key === ' ' ? 'space' : key);
  for (const [key, [meaning]] of keys) {
    const [term, text] = [document.createElement('dt'), document.createElement('dd')];
    term.textContent = shown(key);
    text.textContent = meaning;
    find('keys').append(term, text);
  }
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const typing = event.target.matches('input[type=text], input[type=number], select');
    // Space presses the button that has the focus.
    if (typing || (event.key === ' ' && event.target.matches('button, summary, input'))) return;
    const action = keys.get(event.key);
    if (!action) return;
    event.preventDefault();
    action[1]();
  });
}

function bindCamera(camera) {
  const button = find('camera');
  const render = () => {
    button.setAttribute('aria-pressed', String(camera.on));
    button.textContent = camera.on ? 'Stop the camera' : "Use this browser's camera";
  };
  button.addEventListener('click', async () => {
    try {
      if (camera.on) camera.stop();
      else await camera.start();
    } catch (error) {
      tell(error.message);
    }
    render();
  });
  return render;
}

async function start() {
  const model = await get('/api/model');
  find('model').textContent = `${model.architecture} · ${model.device}`;
  const viewer = new Viewer();
  viewer.settings = model.settings;
  const controls = new Controls(model, viewer);
  const picture = new Picture(find('picture'), viewer, () => controls.method.takes_query);
  const bars = new Bars(find('classes'), (rank) => viewer.change({ class: `top${rank + 1}` }));
  const times = new Times(find('times'), find('stages'));
  const camera = new Camera();
  const renderCamera = bindCamera(camera);
  bindKeys(controls.keys());
  viewer.addEventListener('shown', () => {
    const { shown, source, settings } = viewer;
    find('source').textContent = `${source.fps.toFixed(1)} frames/s · ${source.dropped} dropped` +
      (shown ? ` · ${shown.latency_ms.toFixed(0)} ms` : '');
    renderCamera();
    if (!shown) return;
    find('title').textContent = shown.title;
    find('about').textContent = shown.about;
    find('about').classList.toggle('agnostic', !controls.method.class_specific);
    find('picture').setAttribute('aria-label', `The live picture: ${shown.title}, ${shown.about}`);
    bars.render(shown.top, controls.method.class_specific ? settings.class : null);
    times.add(shown);
  });
  for (const ending of ['png', 'npy', 'json']) {
    find(`save-${ending}`).addEventListener('click', () => save(`fovea.${ending}`, `${viewer.path}/snapshot.${ending}`));
  }
  find('save-all').addEventListener('click', () => saveAll(viewer).catch((error) => tell(error.message)));
  window.addEventListener('pagehide', () => {
    camera.abandon();
    viewer.leave();
  });
  get('/api/labels').then(({ labels }) => controls.nameClasses(labels)).catch(() => {});
  await viewer.join();
  viewer.watch((bitmap) => picture.draw(bitmap));
  viewer.follow();
}

start().catch((error) => tell(error.message));
