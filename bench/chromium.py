"""Chromium as benchmarks and tests drive it: quiet, with a camera of its own and loopback candidates."""

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    # Nothing of the browser's own leaves the machine.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A camera and a microphone without a question.
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream=fps=30",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
)
