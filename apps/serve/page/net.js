// Requests to the program that served this page.

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export async function request(method, path, body, type) {
  const response = await fetch(path, {
    method,
    body,
    headers: type ? { 'Content-Type': type } : undefined,
    credentials: 'same-origin',
  });
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw new Refused(response.status, answer.error ?? `the program answered ${response.status}`);
}

export const get = async (path) => (await request('GET', path)).json();
export const send = async (method, path, value) =>
  (await request(method, path, JSON.stringify(value), 'application/json')).json();

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const notice = document.getElementById('notice');

export function tell(text) {
  if (notice.textContent !== text) notice.textContent = text;
  notice.hidden = !text;
}
