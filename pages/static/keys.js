// Signs and makes keys in the browser. A private key is never sent, and never kept: decision record 0138.
const KINDS = {
  "OKP Ed25519": ["EdDSA", { name: "Ed25519" }, ["crv", "x", "d"]],
  "EC P-256": ["ES256", { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }, ["crv", "x", "y", "d"]],
  "RSA": ["PS256", { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 }, ["n", "e", "d", "p", "q", "dp", "dq", "qi"]],
};
const bytes = (text) => new TextEncoder().encode(text);
const base64url = (buffer) => btoa(Array.from(new Uint8Array(buffer), (each) => String.fromCharCode(each)).join(""))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const digest = (content) => crypto.subtle.digest("SHA-256", content);
const hex = (buffer) => Array.from(new Uint8Array(buffer), (each) => each.toString(16).padStart(2, "0")).join("");

// What went wrong, by the name of its sentence in the page, so that the sentence is in the reader's language.
class Refused extends Error {}

function parsed(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    throw new Refused("unread");
  }
}

async function opened(file) {
  const jwk = parsed(await file.text());
  if (!jwk.kty) throw new Refused("unread");
  const kind = KINDS[[jwk.kty, jwk.crv].filter(Boolean).join(" ")];
  if (!kind) throw new Refused("kind");
  if (!jwk.d) throw new Refused("public");
  if (typeof jwk.kid !== "string") throw new Refused("kid");
  const [alg, algorithm, members] = kind;
  const bare = { kty: jwk.kty, ...Object.fromEntries(members.map((name) => [name, jwk[name]])) };
  try {
    return { alg, algorithm, kid: jwk.kid, key: await crypto.subtle.importKey("jwk", bare, algorithm, false, ["sign"]) };
  } catch (error) {
    throw new Refused(error.name === "NotSupportedError" ? "old" : "unread");
  }
}

async function documentOf(part) {
  const answer = await fetch(part.dataset.document, { cache: "no-store" }).catch(() => { throw new Refused("changed"); });
  const content = await answer.arrayBuffer();
  if (hex(await digest(content)) !== part.dataset.digest) throw new Refused("changed");
  return content;
}

// A compact JWS (RFC 7515) over exactly the bytes that the page shows and the server verifies.
async function signed(part, file) {
  const { alg, algorithm, kid, key } = await opened(file);
  const header = base64url(bytes(JSON.stringify({ alg, kid, typ: "agreement+jws" })));
  const input = `${header}.${base64url(await documentOf(part))}`;
  return `${input}.${base64url(await crypto.subtle.sign(algorithm, key, bytes(input)))}`;
}

function say(part, name) {
  const wrong = part.querySelector("[role=alert]");
  const done = part.querySelector("[role=status]");
  wrong.textContent = name === "done" ? "" : part.dataset[name];
  done.textContent = name === "done" ? part.dataset.done : "";
  wrong.parentElement.classList.toggle("govuk-form-group--error", name !== "done");
}

async function sign(part) {
  const input = part.querySelector("input");
  const place = document.getElementById("signature");
  const made = document.getElementById("made");
  place.value = made.value = "";
  place.oninput = () => { made.value = ""; };
  try {
    if (!input.files.length) throw new Refused("none");
    place.value = await signed(part, input.files[0]);
    made.value = "here"; // a fault is then one of the key that was chosen
    say(part, "done");
    place.form.querySelector("button").focus();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(part, error.message);
    input.focus();
  } finally {
    input.value = "";
  }
}

async function make(part) {
  const { privateKey } = await crypto.subtle.generateKey(KINDS["EC P-256"][1], true, ["sign", "verify"]);
  const { kty, crv, x, y, d } = await crypto.subtle.exportKey("jwk", privateKey);
  const kid = base64url(await digest(bytes(JSON.stringify({ crv, kty, x, y })))); // RFC 7638
  const half = { kty, crv, x, y, kid, alg: "ES256", use: "sig" };
  const link = part.querySelector("a");
  const done = part.querySelector("[role=status]");
  done.textContent = "";
  if (link.href) URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([JSON.stringify({ ...half, d })], { type: "application/json" }));
  link.download = `${kid}.private.json`;
  link.hidden = false;
  link.focus();
  // The public half is filled in only now, so that nobody registers a key that they do not hold.
  link.onclick = () => {
    document.getElementById("jwks").value = JSON.stringify(half);
    done.textContent = part.dataset.done;
    const saved = link.href;
    setTimeout(() => {
      URL.revokeObjectURL(saved);
      if (link.href !== saved) return; // another key was made meanwhile
      link.removeAttribute("href");
      link.hidden = true;
      document.getElementById("jwks").focus();
    }, 1000);
  };
}

for (const [name, act] of Object.entries({ sign, make })) {
  for (const part of document.querySelectorAll(`[data-key="${name}"]`)) {
    part.hidden = !globalThis.crypto?.subtle;
    part.querySelector("button").addEventListener("click", () => act(part));
  }
}
