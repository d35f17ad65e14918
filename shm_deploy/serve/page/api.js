// The service as the page talks to it: one picture at a time over HTTP, live frames over a WebSocket.

const SUBPROTOCOL = "shm.live.v1";

/** A request that got no matte; the message is the service's own reason. */
export class Refused extends Error {}

let token = sessionStorage.getItem("token");
let askForToken = async () => null;

/** Who asks a person for a token, when the service wants one: an async function that returns it, or null. */
export function onTokenNeeded(ask) {
  askForToken = ask;
}

/**
 * Matte one picture.
 * @param {{image: Blob, trimap?: Blob}} parts
 * @param {Record<string, string>} options as the query takes them
 * @returns {Promise<{blob: Blob, totalMs: number, networkMs: number | null}>}
 */
export async function matte(parts, options, signal) {
  const form = new FormData();
  for (const [name, blob] of Object.entries(parts)) form.append(name, blob, name);
  const begun = performance.now();
  const answer = await fetchWithToken(`/v1/matte?${new URLSearchParams(options)}`, { method: "POST", body: form, signal });
  const blob = await answer.blob();
  const network = /network;dur=([\d.]+)/.exec(answer.headers.get("Server-Timing") ?? "");
  return { blob, totalMs: performance.now() - begun, networkMs: network ? Number(network[1]) : null };
}

/** What runs behind the page, as `/readyz` tells; null while the service is busy. */
export async function readiness() {
  const answer = await fetch("/readyz");
  return answer.ok ? answer.json() : null;
}

/** Open the WebSocket for live frames; resolves when it is open. */
export async function openLive(options) {
  const address = new URL(`/v1/live?${new URLSearchParams(options)}`, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  for (;;) {
    const socket = new WebSocket(address, token ? [SUBPROTOCOL, `bearer.${base64url(token)}`] : [SUBPROTOCOL]);
    socket.binaryType = "blob";
    if (await opened(socket)) return socket;
    // A browser does not tell why a WebSocket was refused; an ordinary request does.
    const answer = await fetchWithToken("/v1/matte", { method: "POST" }).catch((error) => error);
    if (!(answer instanceof Refused && answer.status === 400 && answer.asked)) {
      throw new Refused("The live stream was refused: too many are open, or the service has stopped.");
    }
  }
}

async function fetchWithToken(address, options) {
  let asked = false;
  for (;;) {
    const answer = await fetch(address, {
      ...options,
      headers: token ? { Authorization: `Bearer ${token}` } : {},
    }).catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new Refused("The service does not answer. Is it still running?");
    });
    if (answer.ok) return answer;
    if (answer.status === 401) {
      token = await askForToken();
      asked = true;
      if (token === null) throw new Refused("Without the token this service does nothing.");
      sessionStorage.setItem("token", token);
      continue;
    }
    const isProblem = answer.headers.get("Content-Type")?.startsWith("application/problem+json");
    const problem = isProblem ? await answer.json() : { detail: `The service answered ${answer.status}.` };
    throw Object.assign(new Refused(problem.detail), { status: answer.status, asked });
  }
}

function opened(socket) {
  return new Promise((resolve) => {
    socket.addEventListener("open", () => resolve(true), { once: true });
    socket.addEventListener("close", () => resolve(false), { once: true });
  });
}

function base64url(text) {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
