// An integrator's page: the published SDK and nothing of ours around it.
import { connect, LocalMedia } from "/sdk/mediaserver.js";

/** Joins; keeps what happens for the test to read. */
window.join = async (token, options = {}) => {
  const media = new LocalMedia();
  await media.start();
  const room = await connect(location.origin, { token, media, ...options });
  window.room = room;
  window.heard = [];
  room.on("message", (m) => window.heard.push(m.text));
  room.on("ended", ({ error }) => {
    window.ended = error?.code ?? "left";
  });
  room.on("track", ({ participant, track, on }) => {
    const id = `v-${participant.identity}-${track.source}`;
    document.getElementById(id)?.remove();
    if (!on) return;
    const element = document.createElement(track.kind);
    element.id = id;
    element.autoplay = true;
    element.srcObject = track.stream;
    document.body.append(element);
  });
  return room.me.id;
};

/** A WHEP player as small as a tutorial's. */
window.watch = async (url, token) => {
  const pc = new RTCPeerConnection();
  pc.addTransceiver("audio", { direction: "recvonly" });
  pc.addTransceiver("video", { direction: "recvonly" });
  pc.ontrack = ({ track }) => {
    const element = document.createElement(track.kind);
    element.autoplay = true;
    element.srcObject = new MediaStream([track]);
    document.body.append(element);
  };
  await pc.setLocalDescription();
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/sdp", authorization: `Bearer ${token}` },
    body: pc.localDescription.sdp,
  });
  if (response.status !== 201) throw new Error(`WHEP answered ${response.status} ${await response.text()}`);
  await pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
  return response.headers.get("location");
};
window.ready = true;
