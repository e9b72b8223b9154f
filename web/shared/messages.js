/**
 * Every word that a person reads, in one place. `t` is the seam for further languages: a language is one more
 * table with the same keys. Words for patients are plain, say what to do, and blame nobody.
 */

const en = {
  "app.private": "Encrypted",
  "app.privacy": "Encrypted on the way. Nothing is recorded.",
  "app.theme.dark": "Dark colours",
  "app.theme.light": "Light colours",
  "app.close": "Close",
  "app.cancel": "Cancel",
  "app.retry": "Try again",
  "app.reload": "Reload this page",
  "app.you": "You",
  "app.youSuffix": "{name} (you)",

  "title.visit": "Your visit",
  "title.call": "In the call",
  "title.arrived": "{name} is here",
  "title.message": "New message",

  "home.title": "Open your link",
  "home.text":
    "A visit starts from the link that your clinic sent you. Open it in this browser. If you can’t find it, call the clinic.",

  "join.loading": "Opening your visit",
  "join.hello": "Hello {name}",
  "join.purpose": "Let’s check your camera and sound, then you can join.",
  "join.ask.title": "Hello {name}",
  "join.ask.text":
    "{clinic} will see and hear you in this video visit. Your browser will ask if it may use your camera and microphone. Choose “Allow”.",
  "join.ask.button": "Turn on camera and microphone",
  "join.ask.waiting": "Choose “Allow” in the box that your browser shows",
  "join.ask.soundOnly": "Join with sound only",
  "join.ready.title": "Hello {name}",
  "join.ready.text": "Only you see this picture. Nobody sees or hears you until you join.",
  "join.button": "Join the call",
  "join.button.soundOnly": "Join with sound only",
  "join.button.silent": "Join to watch and listen",
  "join.entering": "Joining",
  "join.network.preparing": "Checking your connection",
  "join.network.ready": "Connection works",
  "join.network.trouble": "Connection is not ready yet",
  "join.camera.works": "Camera works",
  "join.camera.off": "Camera is off",
  "join.microphone.say": "Say something: the bar should move",
  "join.microphone.works": "Microphone works",
  "join.microphone.off": "Microphone is muted",
  "join.devices": "Camera and sound",
  "join.preview": "Your picture",

  "device.camera": "Camera",
  "device.microphone": "Microphone",
  "device.speaker": "Speaker",
  "device.screen": "Screen",
  "device.level": "Microphone level",
  "device.none.camera": "No camera",
  "device.none.microphone": "No microphone",
  "device.default.camera": "Camera",
  "device.default.microphone": "Microphone",
  "device.default.speaker": "Standard speaker",
  "device.testSound": "Play a test sound",
  "device.testSound.playing": "You should hear three notes",
  "device.settings": "Camera and sound",
  "device.settings.done": "Done",
  "device.added": "{label} is connected",
  "device.use": "Use it",
  "device.turnAround": "Turn the camera around",

  "control.mute": "Mute",
  "control.unmute": "Unmute",
  "control.cameraOff": "Camera",
  "control.cameraOn": "Camera",
  "control.camera.turnOff": "Turn off the camera",
  "control.camera.turnOn": "Turn on the camera",
  "control.screen": "Share",
  "control.screen.start": "Share your screen",
  "control.screen.stop": "Stop sharing",
  "control.hand": "Hand",
  "control.hand.raise": "Raise your hand",
  "control.hand.lower": "Lower your hand",
  "control.messages": "Messages",
  "control.messages.open": "Messages",
  "control.messages.unread": "Messages, {count} new",
  "control.people": "People",
  "control.more": "More",
  "control.leave": "Leave",
  "control.leave.full": "Leave the call",
  "control.grid": "See everybody",
  "control.speaker": "See who speaks",
  "control.controls": "Call controls",
  "control.fullscreen": "Stage",

  "stage.empty.title": "You’re the first here",
  "stage.empty.patient": "Keep this page open. You’ll hear a chime when somebody comes.",
  "stage.empty.clinician": "The patient has not joined yet. You’ll hear a chime when they come.",
  "stage.reconnecting": "{name} is reconnecting",
  "stage.reconnecting.short": "Reconnecting",
  "stage.cameraOff": "Camera off",
  "stage.muted": "{name} is muted",
  "stage.hand": "{name} raised a hand",
  "stage.screenOf": "Screen of {name}",
  "stage.yourScreen": "You share your screen",
  "stage.pin": "Keep {name} large",
  "stage.unpin": "Stop keeping {name} large",
  "stage.self": "Your own picture",
  "stage.participants": "People in the call",
  "stage.tapToHear": "Tap to hear",
  "stage.tapToHear.why": "Your browser waits for a tap before it plays sound.",

  "note.reconnecting.title": "You lost the connection",
  "note.reconnecting.text": "Stay here: we are bringing you back. Moving closer to the router helps.",
  "note.offline.text": "Your device is offline. Turn on Wi-Fi or mobile data; you come back by yourself.",
  "note.silent.title": "Picture and sound stopped",
  "note.silent.text": "We are looking for another way to the clinic. This takes a few seconds.",
  "note.weak.title": "Your connection is weak",
  "note.weak.down": "Picture and sound from the others may break up. Moving closer to the router helps.",
  "note.weak.up": "The others may see and hear you badly. Moving closer to the router helps.",
  "note.weak.delay": "Everything arrives late. Let each other finish; another network may help.",
  "note.weak.frozen": "The picture stops now and then. Moving closer to the router helps.",
  "note.weak.device": "Your device is very busy. Closing other apps helps.",
  "note.interrupted.title": "Your {device} is paused",
  "note.interrupted.text": "A phone call or another app uses it. It comes back by itself afterwards.",
  "note.lost.action": "Choose another",
  "note.speakingMuted.title": "You are muted",
  "note.speakingMuted.text": "The others don’t hear you.",
  "note.mutedByHost.title": "{name} muted you",
  "note.mutedByHost.text": "To speak, raise your hand.",
  "note.heldCamera.text": "Your camera was turned off by the host. To be seen, raise your hand.",
  "note.problem": "Something did not work",

  "ask.unmute.title": "{name} asks you to unmute",
  "ask.unmute.text": "The others will hear you.",
  "ask.unmute.camera.title": "{name} asks you to turn on your camera",
  "ask.unmute.camera.text": "The others will see you.",
  "ask.unmute.yes": "Unmute",
  "ask.unmute.camera.yes": "Turn on",
  "ask.unmute.no": "Not now",
  "ask.leave.title": "Leave the call?",
  "ask.leave.text": "You can come back with the same link.",
  "ask.leave.yes": "Leave",
  "ask.leave.no": "Stay",

  "toast.joined": "{name} is here",
  "toast.left": "{name} left",
  "toast.hand": "{name} raised a hand",
  "toast.message": "{name}: {text}",
  "toast.locked": "The room is locked",
  "toast.unlocked": "The room is open",
  "toast.unmuteSent": "{name} was asked",

  "chat.title": "Messages",
  "chat.empty.title": "No messages yet",
  "chat.empty.text": "Everybody in the call can read what you write. Messages are not kept after the call.",
  "chat.placeholder": "Write a message",
  "chat.send": "Send",
  "chat.failed": "Not sent. Check your connection and try again.",
  "chat.today": "{time}",

  "ended.left.title": "You left the call",
  "ended.left.text": "You can come back while the call goes on, or close this page.",
  "ended.closed.title": "The call has ended",
  "ended.closed.text": "Thank you for coming. You can close this page.",
  "ended.removed.title": "You were taken out of the call",
  "ended.rejoin": "Join again",

  "failed.link.title": "This link no longer works",
  "failed.unreachable.title": "We can’t reach the clinic",
  "failed.soundOnly": "Join without a camera",
  "failed.watchOnly": "Join to watch and listen",
  "failed.permission.title": "We need your permission",
  "failed.permission.both": "This page may not use your camera and microphone.",
  "failed.permission.camera": "This page may not use your camera.",
  "failed.permission.microphone": "This page may not use your microphone.",
  "failed.permission.how.safari":
    "Tap “aA” or the page icon beside the address, then “Website Settings”, and set camera and microphone to “Allow”.",
  "failed.permission.how.android":
    "Tap the icon to the left of the address, then “Permissions”, and allow camera and microphone.",
  "failed.permission.how.firefox":
    "Click the crossed-out camera or microphone to the left of the address and take the block away.",
  "failed.permission.how.desktop":
    "Click the icon to the left of the address and switch camera and microphone on.",
  "failed.permission.how.system":
    "Open the settings of your device, look for this browser under privacy, and allow camera and microphone.",

  "people.title": "People",
  "people.inCall": "In the call",
  "people.host": "The host",
  "people.nobody": "Nobody else yet",
  "people.nobody.text": "Whoever opens their link appears here.",
  "people.mute": "Mute",
  "people.mute.full": "Mute {name}",
  "people.ask": "Ask to unmute",
  "people.ask.full": "Ask {name} to unmute",
  "people.askCamera.full": "Ask {name} to turn on the camera",
  "people.askCamera": "Ask for camera",
  "people.cameraOff": "Turn off camera",
  "people.remove": "Remove",
  "people.remove.full": "Remove {name}",
  "people.remove.title": "Remove {name} from the call?",
  "people.remove.text": "They can come back with their link unless you lock the room.",
  "people.muteAll": "Mute everybody else",
  "people.more": "More for {name}",
  "people.since": "here for {time}",
  "people.role.patient": "Patient",
  "people.role.carer": "Carer",
  "people.role.interpreter": "Interpreter",
  "people.role.clinician": "Clinician",
  "people.role.front_desk": "Front desk",
  "people.role.operator": "Operator",
  "people.role.compliance": "Compliance",
  "people.role.administrator": "Administrator",
  "people.role.developer": "Developer",
  "people.role.other": "Guest",
  "people.quality.good": "Good connection",
  "people.quality.fair": "Fair connection",
  "people.quality.weak": "Weak connection",
  "people.quality.lost": "Reconnecting",
  "people.muted": "Muted",
  "people.speaking": "Speaking",
  "people.hand": "Hand raised",

  "console.title": "Console",
  "console.waiting": "Waiting for the patient",
  "console.with": "In the call with",
  "console.room": "Room",
  "console.who": "Who is here",
  "console.panel": "Panel",
  "console.lock": "Lock the room",
  "console.unlock": "Unlock the room",
  "console.locked": "Locked",
  "console.open": "Open",
  "console.locked.text": "Nobody new can come in.",
  "console.open.text": "Anybody with a link can come in.",
  "console.end": "End for everybody",
  "console.end.title": "End the call for everybody?",
  "console.end.text": "Everybody is taken out of the call.",
  "console.end.yes": "End the call",
  "console.shortcuts": "Keyboard shortcuts",
  "console.preparing": "Getting ready",
  "console.ready.title": "Ready when you are",
  "console.ready.text": "Nobody sees or hears you until you join.",
  "console.stats": "{height}p · {rtt} ms · {loss} % loss",
  "console.opened": "open for {time}",

  "key.mute": "Mute or unmute",
  "key.camera": "Camera on or off",
  "key.screen": "Share the screen",
  "key.hand": "Raise or lower the hand",
  "key.layout": "Speaker or everybody",
  "key.messages": "Messages",
  "key.people": "People",
  "key.lock": "Lock or unlock the room",
  "key.help": "This list",
  "key.hint": "{label} ({key})",
};

/** @typedef {keyof typeof en} MessageKey */

/** @type {Record<string, string>} */
let table = en;

/**
 * @param {MessageKey} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values) {
  const text = table[key] ?? en[key] ?? key;
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** @param {string} key @param {MessageKey} fallback @returns {string} the words for a key made at run time */
export function lookup(key, fallback) {
  return table[key] ?? /** @type {Record<string, string>} */ (en)[key] ?? t(fallback);
}

/** Takes another language's words. Keys that it lacks stay English. @param {string} language @param {Record<string, string>} words @param {"ltr" | "rtl"} direction */
export function useLanguage(language, words, direction) {
  table = words;
  document.documentElement.lang = language;
  document.documentElement.dir = direction;
}
