// The patient's page on a Services port that a test drives: `window.clinic` holds what the server would say.
// Stands in for /static/join/dist/join.js while the pictures of its states are taken.
import { JoinApp } from "/static/join/app.js";
import { LocalMedia } from "/static/sdk/src/local-media.js";
import { Emitter } from "/static/sdk/src/emitter.js";
import { startLanguage } from "/static/shared/messages.js";
import { Refused } from "/static/shared/visit.js";

const root = document.getElementById("app");
const { clinic = "" } = root.dataset;
const minutes = 60_000;
const now = Date.now();

window.clinic = {
  acts: [],
  failing: false,
  rate: 4_000_000,
  session: {
    name: "Maria Santos",
    role: "patient",
    room: "v-1",
    clinic,
    phone: "+1 775 555 0142",
  },
  panels: [
    { plugin: "consent", panel: "location", slot: "patient.step", order: 30 },
    { plugin: "preflight", panel: "check", slot: "patient.step", order: 10 },
    { plugin: "consent", panel: "forms", slot: "patient.step", order: 20 },
    { plugin: "waiting_room", panel: "waiting", slot: "patient.waiting", order: 50 },
  ],
  views: {
    "preflight/check": { result: null, phone: null },
    "consent/forms": {
      forms: [
        {
          id: "telehealth", kind: "telehealth", version: "3", language: "en", required: true, signed_at: null,
          title: "Seeing a doctor by video",
          text: "You will see and speak with a doctor by video instead of in person.\n\nA video visit has limits: the doctor cannot touch or examine you, and the connection can fail. If that happens, the clinic calls you on the phone.\n\nYou may stop at any time and ask for an appointment in person. This does not change the care you get.\n\nYour visit is private. Please be in a place where others cannot hear you.",
        },
        {
          id: "recording", kind: "recording", version: "1", language: "en", required: false, signed_at: null,
          title: "Recording this visit",
          text: "The doctor may record the visit so that you or the care team can look at it again.\n\nNothing is recorded unless everybody in the call agrees. You can take this back at any time, and the recording stops at once.",
        },
      ],
    },
    "consent/location": { country: null, state: null },
    "waiting_room/waiting": {
      position: 1, estimate_minutes: 6, since: now - 4 * minutes, starts_at: now + 2 * minutes,
      clinician: "Dr. Okafor", desk: { name: "Amira", here: true }, challenge: null, back: false,
      ready: false, check: "green",
      messages: [
        { id: "1", name: "Amira", text: "Good morning. Do you have your medicine list with you?", at: now, own: false },
        { id: "2", name: "Maria", text: "Yes, I have it here.", at: now, own: true },
      ],
    },
  },
};

class FakeRoom extends Emitter {
  state = "prepared";
  name = "v-1";
  locked = false;
  me = { id: "me", admin: false };
  participants = [];
  messages = [];
  held = [];
  handRaised = false;
  speaker = null;
  connection = { signaling: true, media: true };
  quality = { level: "good", cause: "none" };
  constructor(media) {
    super();
    this.media = media;
  }
  async enter() {
    return "held";
  }
  leave() {
    this.emit("ended", { error: null, rejoin: true });
  }
}

const media = new LocalMedia();
const watchers = new Set();
const patience = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const moved = (bytes) => patience((bytes * 8000) / window.clinic.rate);

const services = {
  media,
  session: async () => window.clinic.session,
  prepare: async () => {
    if (window.clinic.blocked) throw new Error("blocked");
    window.room = new FakeRoom(media);
    return window.room;
  },
  panels: async () => window.clinic.panels,
  view: async ({ plugin, panel }) => {
    if (window.clinic.failing) throw new Refused(503);
    return structuredClone(window.clinic.views[`${plugin}/${panel}`] ?? null);
  },
  call: async (plugin, path, body) => {
    if (window.clinic.failing) throw new Refused(503);
    window.clinic.acts.push([plugin, path, body]);
    const waiting = window.clinic.views["waiting_room/waiting"];
    if (path === "challenge") {
      const passed = body.birth_date === "1968-03-14" || body.code === "482913";
      if (passed) waiting.challenge = null;
      else waiting.challenge.tries_left -= 1;
      return { passed, tries_left: waiting.challenge?.tries_left ?? 0 };
    }
    if (path === "say") {
      waiting.messages.push({ id: String(waiting.messages.length + 1), name: "Maria", text: body.text, at: Date.now(), own: true });
    }
    return null;
  },
  watch: (listener) => {
    watchers.add(listener);
    return () => watchers.delete(listener);
  },
  probe: { ping: () => patience(20), download: moved, upload: moved },
};

/** Changes a view as the server would, and tells the page. */
window.tell = (plugin, panel, changes) => {
  Object.assign(window.clinic.views[`${plugin}/${panel}`], changes);
  for (const listener of watchers) listener({ plugin, panel });
};
Object.assign(window.clinic, window.CLINIC ?? {});
startLanguage("");
window.app = new JoinApp(root, { clinic, services });
window.app.start();
