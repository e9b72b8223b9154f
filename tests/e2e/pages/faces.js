// Stands in for a camera and a microphone: a drawn person who moves and speaks, so that pictures of pages show
// people. The media is real from here on: it is encoded, sent and decoded like any other.
(() => {
  const person = window.PERSON ?? {};
  const { wall = ["#dfe9e4", "#a9c3ba"], skin = "#d9a684", hair = "#3b2a25", cloth = "#4c6b8a", size = [640, 360], rate = 15 } = person;

  function draw(context, [width, height], seconds) {
    const gradient = context.createLinearGradient(0, 0, width, height);
    gradient.addColorStop(0, wall[0]);
    gradient.addColorStop(1, wall[1]);
    context.fillStyle = gradient;
    context.fillRect(0, 0, width, height);
    const unit = Math.min(height, width * 1.25) / 300;
    context.save();
    context.translate(width / 2 + Math.sin(seconds * 0.7) * 3 * unit, height / 2 + 22 * unit + Math.sin(seconds * 1.1) * unit);
    context.scale(unit, unit);
    const shape = (color, path) => {
      context.fillStyle = color;
      context.beginPath();
      path();
      context.fill();
    };
    shape(hair, () => context.ellipse(0, -38, 62, 70, 0, 0, Math.PI * 2));
    shape(skin, () => context.roundRect(-26, 20, 52, 70, 24));
    shape(cloth, () => context.ellipse(0, 190, 128, 116, 0, 0, Math.PI * 2));
    shape(skin, () => context.ellipse(0, -18, 50, 60, 0, 0, Math.PI * 2));
    shape(hair, () => context.ellipse(0, -64, 54, 26, 0, Math.PI, Math.PI * 2));
    for (const side of [-1, 1]) shape("#2a2320", () => context.ellipse(side * 19, -20, 4, seconds % 4 < 0.15 ? 0.8 : 4.6, 0, 0, Math.PI * 2));
    shape("#8d4a44", () => context.ellipse(0, 14, 12, 2.5 + 3 * Math.abs(Math.sin(seconds * 5)), 0, 0, Math.PI * 2));
    context.restore();
  }

  function camera() {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = size;
    const context = canvas.getContext("2d", { alpha: false });
    const timer = setInterval(() => draw(context, size, performance.now() / 1000), 1000 / rate);
    draw(context, size, 0);
    const [track] = canvas.captureStream(rate).getVideoTracks();
    track.addEventListener("ended", () => clearInterval(timer));
    return track;
  }

  function microphone() {
    const context = new AudioContext();
    const out = context.createMediaStreamDestination();
    const tone = context.createOscillator();
    const loudness = context.createGain();
    tone.type = "triangle";
    tone.frequency.value = 160;
    loudness.gain.value = person.silent ? 0 : 0.25;
    tone.connect(loudness).connect(out);
    tone.start();
    context.resume();
    return out.stream.getAudioTracks()[0];
  }

  // The newest of each kind, so that a test can take it away as a system would.
  window.captured = {};

  const denied = (name) => new DOMException(name === "NotAllowedError" ? "Permission denied" : "not available", name);
  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
    if (video && person.camera) throw denied(person.camera);
    if (audio && person.microphone) throw denied(person.microphone);
    const tracks = [audio && microphone(), video && camera()].filter(Boolean);
    for (const track of tracks) window.captured[track.kind] = track;
    return new MediaStream(tracks);
  };
})();
