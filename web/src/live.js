// One socket that says what goes on. Where it breaks, the page says so and goes on when it is back.
import { SILENT, connected, forget, returns, say, server, toasts } from "./state.js";

let wait = 500, silent = 0;

function back() {
  returns.value++;
  toasts.value = toasts.value.filter(one => one.text !== SILENT);
}

export function listen() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/api/live`);
  const heard = () => {
    clearTimeout(silent);
    silent = setTimeout(() => socket.close(), 15000); // the server says something every five seconds
  };
  socket.onopen = heard;
  socket.onmessage = event => {
    heard();
    const state = JSON.parse(event.data);
    const before = server.value;
    if (before && before.rows?.order !== state.rows?.order) forget(); // rows have other numbers now
    if (before && state.trained && before.trained !== state.trained) say(`${state.trained}.`);
    for (const job of state.jobs) if (job.state === "failed" && /^(training|adopting|queued)/.test(job.name) && before?.jobs.some(one => one.name === job.name && one.state === "running")) say(job.message, "error");
    server.value = state;
    if (!connected.value && before) back();
    connected.value = true;
    wait = 500;
  };
  socket.onclose = () => {
    clearTimeout(silent);
    connected.value = false;
    setTimeout(listen, wait);
    wait = Math.min(wait * 1.6, 5000);
  };
}
