// The console of those who signed in, on services that a test drives. Stands in for /static/console/dist/console.js.
import { StaffApp } from "/static/console/staff.js";
import { LocalMedia } from "/static/sdk/src/local-media.js";
import { Emitter } from "/static/sdk/src/emitter.js";
import { startLanguage } from "/static/shared/messages.js";
import { Refused } from "/static/shared/visit.js";

const minutes = 60_000;
// Mid-morning, whenever the test runs: the pictures must not depend on the hour.
const now = Date.now();
const good = (text) => ({ text, tone: "good" });
let next = 1;
const visit = (name, offset, place, more = {}, person = {}) => {
  const id = `visit-${next++}`;
  return {
    id, version: 1, room: `v-${id}`, reason: "Follow-up, cardiology", starts_at: now + offset * minutes,
    ends_at: now + (offset + 20) * minutes, state: place === "waiting" ? "arrived" : "booked",
    clinician: "okafor", clinician_name: "Dr. Adaeze Okafor", badges: [], messages: [],
    people: [
      {
        id: `patient-${id}`, name, role: "patient", language: "en", birth_date: "1968-03-14", place,
        arrived_at: place === "away" ? null : now + Math.min(offset, 0) * minutes - minutes, light: null,
        verified: null, location: null, phone: null, ...person,
      },
    ],
    ...more,
  };
};

const day = () => [
  visit("Maria Santos", -6, "waiting", {
    badges: [good("Telehealth consent"), good("Recording consent")],
    messages: [
      { id: "1", name: "Dr. Okafor", text: "Good morning. Do you have your medicine list with you?", at: now - 2 * minutes, own: true },
      { id: "2", name: "Maria Santos", text: "Yes, I have it here.", at: now - minutes, own: false },
    ],
  }, { light: "green", verified: true, location: "Nevada, United States" }),
  withCarer(
    visit("James Featherstonehaugh-Turner of Lakeside", -3, "waiting", {
      reason: "First visit", badges: [{ text: "No recording", tone: "neutral" }],
    }, { light: "amber", verified: false, location: "Oregon, United States" }),
  ),
  visit("Linh Nguyễn", -1, "waiting", { reason: "Results" }, { light: "red", phone: "+1 775 555 0199" }),
  visit("Amina Haddad", 50, "away", { reason: "First visit" }),
  visit("Piotr Kowalski", 70, "away", { reason: "Results" }),
  visit("Elif Başaran", -90, "away", { state: "finished", badges: [{ text: "signed, not yet in the EHR", tone: "warning" }] }),
  visit("Noah Williams", -120, "away", { state: "noshow" }),
];

function withCarer(row) {
  const [patient] = row.people;
  const carer = { ...patient, id: "carer", name: "Ruth Turner", role: "carer", place: "away" };
  return { ...row, people: [patient, carer] };
}

const many = () => {
  const names = ["Maria", "José", "Linh", "Amina", "Piotr", "Elif", "Noah", "Ana", "Yusuf", "Grace"];
  const families = ["Santos", "Turner", "Nguyễn", "Haddad", "Kowalski", "Başaran", "Williams", "Okoro", "Silva", "Chen"];
  return Array.from({ length: 200 }, (_, n) =>
    visit(`${names[n % 10]} ${families[Math.floor(n / 10) % 10]}`, n - 60, n < 60 ? "waiting" : "away", {}, {
      light: ["green", "green", "amber", "red"][n % 4],
    }),
  );
};

window.clinic = {
  acts: [],
  failing: false,
  slow: false,
  visits: "day",
  degraded: [],
  me: { id: "okafor", name: "Dr. Adaeze Okafor", role: "clinician" },
  colleagues: [
    { id: "lee", name: "Dr. Min-jun Lee", role: "clinician" },
    { id: "amira", name: "Amira Khan", role: "front_desk" },
  ],
  ...window.CLINIC,
};
const rows = { day, many, none: () => [] }[window.clinic.visits]();
window.rows = new Map(rows.map((row) => [row.id, row]));

class FakeRoom extends Emitter {
  state = "connected";
  name = "v-1";
  locked = false;
  me = { id: "me", admin: true };
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
    return "entered";
  }
  prefer() {}
  leave() {
    this.emit("ended", { error: null, rejoin: true });
  }
}

let listener = null;
/** A row as the server would tell it. */
window.tell = (id, changes, person = {}) => {
  const row = window.rows.get(id);
  const told = { ...row, ...changes, version: row.version + 1 };
  told.people = told.people.map((one, n) => (n === 0 ? { ...one, ...person } : one));
  window.rows.set(id, told);
  listener?.visit(structuredClone(told));
};
window.online = (online) => listener?.online(online);
window.degrade = (plugins) => listener?.degraded(plugins);

const media = new LocalMedia();
const services = {
  today: async () => {
    if (window.clinic.slow) await new Promise(() => {});
    if (window.clinic.failing) throw new Refused(503);
    const { me, colleagues, degraded } = window.clinic;
    return { visits: structuredClone([...window.rows.values()]), me, colleagues, degraded };
  },
  events: (given) => {
    listener = given;
    return () => {};
  },
  act: async (id, path, body) => {
    if (window.clinic.failing) throw new Refused(503);
    window.clinic.acts.push([id, path, body]);
    const row = window.rows.get(id);
    if (path === "admit") window.tell(id, { state: "in_progress" }, { place: "present" });
    if (path === "say") {
      const line = { id: String(row.messages.length + 1), name: "Dr. Okafor", text: body.text, at: Date.now(), own: true };
      window.tell(id, { messages: [...row.messages, line] });
    }
    return null;
  },
  admitAll: async () => {
    window.clinic.acts.push(["admit-all"]);
    for (const row of window.rows.values()) {
      if (row.people[0].place === "waiting") window.tell(row.id, { state: "in_progress" }, { place: "present" });
    }
  },
  open: async (id) => {
    window.clinic.acts.push([id, "enter"]);
    return { media, session: async () => ({}), prepare: async () => (window.room = new FakeRoom(media)) };
  },
  signOut: async () => window.clinic.acts.push(["sign-out"]),
};

startLanguage("");
const root = document.getElementById("app");
window.app = new StaffApp(root, { clinic: root.dataset.clinic, services });
window.app.start();
