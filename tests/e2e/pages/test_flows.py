"""What happens to people on their way into a call, in it, and back into it."""

from __future__ import annotations

import asyncio
import os
import re
import signal

import pytest
from browser import KEEP_CONNECTIONS
from people import DESKTOP, PHONE, House, Visitor

pytestmark = pytest.mark.browser

KEEP_SOCKETS = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(url, ...rest) {
    super(window.cutOff ? url.replace("/rtc", "/nowhere") : url, ...rest);
    window.sockets.push(this);
  }
};
"""
# The first offer is cut off with its websocket, and the browser takes long to take it back.
LOSES_ITS_OFFER = """
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (text) {
  if (!window.offerLost && text.includes('"type":"offer"')) {
    window.offerLost = true;
    return this.close(4999);
  }
  return send.call(this, text);
};
const set = RTCPeerConnection.prototype.setLocalDescription;
RTCPeerConnection.prototype.setLocalDescription = async function (description) {
  if (description.type === "rollback") await new Promise((done) => setTimeout(done, 2000));
  return set.call(this, description);
};
"""
# A browser that plays no sound before it was tapped.
REFUSES_SOUND = """
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  if (this.tagName === "AUDIO" && this.srcObject && !window.tapped) {
    return Promise.reject(new DOMException("", "NotAllowedError"));
  }
  return play.call(this);
};
"""


async def couple(house: House, **patient: object) -> tuple[Visitor, Visitor]:
    """A patient on a phone and a clinician at a desk, who see each other."""
    maria = await house.person("maria", "Maria Santos", "patient", PHONE, **patient)
    doctor = await house.person("okafor", "Dr. Adaeze Okafor", "clinician", DESKTOP)
    await maria.enter()
    await doctor.enter()
    await maria.sees_face()
    await doctor.sees_face()
    return maria, doctor


async def frames_go_on(visitor: Visitor) -> None:
    """The remote picture moves: its clock advances over the next second."""
    clock = "document.querySelector('.stage-main video').currentTime"
    before = await visitor.page.evaluate(clock)
    await visitor.until(f"{clock} > {before} + 1")


async def test_nothing_leaves_the_device_before_the_person_joins(house: House) -> None:
    doctor = await house.person("okafor", "Dr. Adaeze Okafor", "clinician", DESKTOP)
    await doctor.enter()
    maria = await house.person("maria", "Maria Santos", "patient", PHONE, script=KEEP_CONNECTIONS)
    await maria.sees_text("Connection works")
    await maria.until("window.connections[0]?.connectionState === 'connected'")
    sent = """async () => [...(await window.connections[0].getStats()).values()]
        .filter((row) => row.type === 'outbound-rtp').reduce((sum, row) => sum + row.packetsSent, 0)"""
    assert await maria.page.evaluate(sent) == 0
    assert await doctor.page.locator(".who-item").count() == 0
    await maria.enter()
    await doctor.sees_face()
    assert await maria.page.evaluate(sent) > 0


async def test_without_a_camera_a_person_is_heard_and_shown_by_initials(house: House) -> None:
    maria = await house.person("maria", "Maria Santos", "patient", PHONE, face={"camera": "NotFoundError"})
    await maria.sees_text("We found no camera")
    doctor = await house.person("okafor", "Dr. Adaeze Okafor", "clinician", DESKTOP)
    await doctor.enter()
    await maria.press("Join with sound only")
    await maria.sees_face()
    await doctor.sees(".stage-main .tile:not([data-picture]) .tile-avatar")
    assert await doctor.page.locator(".stage-main .tile-avatar").text_content() == "MS"
    await doctor.until(
        "[...document.querySelectorAll('audio')].some((e) => !e.paused && e.currentTime > 0.5)"
    )


async def test_a_dropped_websocket_is_resumed_and_the_picture_never_stops(house: House) -> None:
    maria, doctor = await couple(house, script=KEEP_SOCKETS)
    await maria.page.evaluate("window.sockets.at(-1).close(4999)")
    await maria.until("window.sockets.length === 2 && window.sockets[1].readyState === 1")
    await frames_go_on(maria)
    await maria.press("Mute")
    await doctor.sees("button[aria-label='Ask Maria Santos to unmute']")
    assert await doctor.page.locator(".toast", has_text="left").count() == 0
    assert maria.faults + doctor.faults == []


async def test_who_joins_while_the_network_is_away_is_in_when_it_comes_back(house: House) -> None:
    doctor = await house.person("okafor", "Dr. Adaeze Okafor", "clinician", DESKTOP)
    await doctor.enter()
    maria = await house.person("maria", "Maria Santos", "patient", PHONE, script=KEEP_SOCKETS)
    await maria.sees_text("Connection works")
    await maria.page.evaluate("window.cutOff = true; window.sockets.at(-1).close(4999)")
    await maria.press(re.compile("^Join"))
    await maria.until("window.sockets.length > 1")
    await maria.page.evaluate("window.cutOff = false")
    await maria.sees_face()
    await doctor.sees_face()


async def test_an_offer_lost_with_its_websocket_is_made_again(house: House) -> None:
    maria, doctor = await couple(house, script=LOSES_ITS_OFFER)
    await frames_go_on(maria)
    await frames_go_on(doctor)


async def test_a_mute_that_is_lifted_while_the_network_is_away_is_lifted(house: House) -> None:
    maria, doctor = await couple(house, script=KEEP_SOCKETS)
    await doctor.press("Mute Maria Santos")
    await maria.sees_text("Dr. Adaeze Okafor muted you")
    await maria.page.evaluate("window.cutOff = true; window.sockets.at(-1).close(4999)")
    await doctor.sees(".tile[data-reconnecting]")
    await doctor.press("Ask Maria Santos to unmute")
    await maria.page.evaluate("window.cutOff = false")
    await maria.page.get_by_text("You lost the connection").wait_for(state="hidden", timeout=20_000)
    await maria.press("Unmute")
    await doctor.sees("button[aria-label='Mute Maria Santos']")


async def test_a_server_that_stalls_is_noticed_said_in_plain_words_and_found_again(house: House) -> None:
    maria, doctor = await couple(house)
    os.kill(house.server.pid, signal.SIGSTOP)
    try:
        await maria.sees_text("You lost the connection", within=6)
        await maria.shot("patient-reconnecting-phone-light")
        await doctor.shot("console-reconnecting-desktop-light")
    finally:
        os.kill(house.server.pid, signal.SIGCONT)
    await maria.page.get_by_text("You lost the connection").wait_for(state="hidden", timeout=20_000)
    await frames_go_on(maria)
    await frames_go_on(doctor)
    await maria.press("Mute")
    await doctor.sees("button[aria-label='Ask Maria Santos to unmute']")


async def test_a_reload_leads_back_into_the_call_and_nobody_is_there_twice(house: House) -> None:
    maria, doctor = await couple(house)
    maria.page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await maria.page.reload()
    await maria.enter()
    await maria.sees_face()
    await doctor.sees_face()
    await doctor.until("document.querySelectorAll('.who-item').length === 1")


async def test_sound_that_a_browser_refuses_waits_for_one_tap(house: House) -> None:
    maria, _ = await couple(house, script=REFUSES_SOUND)
    await maria.sees(".tap:not([hidden])")
    await maria.shot("patient-tap-phone-light")
    await maria.page.evaluate("window.tapped = true")
    await maria.press(re.compile("Tap to hear"))
    await maria.until("[...document.querySelectorAll('audio')].some((e) => !e.paused)")
    assert await maria.page.locator(".tap:not([hidden])").count() == 0


async def test_a_phone_call_pauses_and_the_visit_goes_on_after_it(house: House) -> None:
    maria, doctor = await couple(house)
    await maria.page.evaluate("window.captured.audio.dispatchEvent(new Event('mute'))")
    await maria.sees_text("Your microphone is paused")
    await maria.shot("patient-interrupted-phone-light")
    await doctor.sees("button[aria-label='Ask Maria Santos to unmute']")
    await maria.page.evaluate("window.captured.audio.dispatchEvent(new Event('unmute'))")
    await doctor.sees("button[aria-label='Mute Maria Santos']")
    assert await maria.page.locator(".notice:visible").count() == 0


async def test_a_camera_that_is_pulled_out_is_replaced_by_what_there_is(house: House) -> None:
    maria, doctor = await couple(house)
    await maria.page.evaluate(
        """() => {
          window.before = window.captured.video;
          window.before.stop();
          window.before.dispatchEvent(new Event("ended"));
        }"""
    )
    await maria.until("window.captured.video !== window.before")
    await frames_go_on(doctor)


async def test_the_camera_that_is_switched_off_is_really_off(house: House) -> None:
    maria, doctor = await couple(house)
    await maria.press("Turn off the camera")
    await doctor.sees(".stage-main .tile:not([data-picture])")
    assert await maria.page.evaluate("window.captured.video.readyState") == "ended"
    await maria.press("Turn on the camera")
    await doctor.sees_face()
    await frames_go_on(doctor)


async def test_a_host_mutes_and_only_asking_leads_back(house: House) -> None:
    maria, doctor = await couple(house)
    await doctor.press("Mute Maria Santos")
    await maria.sees_text("Dr. Adaeze Okafor muted you")
    await maria.press("Unmute")
    await maria.sees(".toast")
    await maria.sees(".control[data-control=microphone][data-off]")
    await doctor.press("Ask Maria Santos to unmute")
    await maria.sees_text("asks you to unmute")
    await maria.page.get_by_role("dialog").get_by_role("button", name="Unmute").click()
    await doctor.sees("button[aria-label='Mute Maria Santos']")


async def test_the_console_works_by_keyboard(house: House) -> None:
    maria, doctor = await couple(house)
    keys = doctor.page.keyboard
    await doctor.page.locator("h1").focus()
    await keys.press("m")
    await maria.sees(".stage-main .tile[aria-label*='Muted']")
    await keys.press("h")
    await maria.sees(".stage-main .tile[aria-label*='Hand raised']")
    await keys.press("c")
    await doctor.until("document.activeElement?.matches('.chat input')")
    await keys.type("mhvl are only letters here")
    await keys.press("Enter")
    await maria.sees_text("mhvl are only letters here")
    await doctor.page.locator("h1").focus()
    await keys.press("l")
    await doctor.sees_text("Nobody new can come in.")
    await keys.press("Shift+?")
    await keys.press("Escape")
    await doctor.page.locator("dialog").wait_for(state="detached")


async def test_someone_removed_is_told_and_a_locked_room_says_so(house: House) -> None:
    maria, doctor = await couple(house)
    await doctor.press("Lock the room")
    await doctor.press("More for Maria Santos")
    await doctor.page.get_by_role("menuitem", name="Remove").click()
    await doctor.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await maria.sees_text("You were taken out of the call")
    await maria.shot("patient-removed-phone-light")
    await maria.page.reload()
    await maria.press(re.compile("^Join"))
    await maria.sees_text("The call is locked")
    await maria.shot("patient-locked-phone-light")
    await doctor.press("Unlock the room")
    await maria.press("Try again")
    await maria.sees_face()


async def test_what_is_shown_elsewhere_covers_no_face_and_a_menu_is_whole(house: House) -> None:
    small = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    maria = await house.person("maria", "Maria Santos", "patient", PHONE)
    doctor = await house.person("okafor", "Dr. Adaeze Okafor", "clinician", small)
    linh = await house.person("linh", "Linh Nguyễn", "interpreter", PHONE)
    for someone in (doctor, maria, linh):
        await someone.enter()
    await doctor.sees_face(2)
    await doctor.press("More for Maria Santos")
    # Once it has come to rest.
    await doctor.until("""(() => {
      const menu = document.querySelector(".menu").getBoundingClientRect();
      const foot = document.querySelector(".panel-foot").getBoundingClientRect();
      return menu.bottom <= Math.min(innerHeight, foot.top);
    })()""")
    await doctor.page.keyboard.press("Escape")
    await maria.press(re.compile("^Messages"))
    await maria.page.get_by_placeholder("Write a message").fill("Hello, I can see you.")
    await maria.page.keyboard.press("Enter")
    message = doctor.page.locator(".toast", has_text="Hello, I can see you.")
    await message.wait_for()
    await doctor.page.get_by_role("tab", name="Messages").click()
    await message.wait_for(state="detached", timeout=2_000)


@pytest.mark.parametrize(
    ("width", "height"), [(320, 568), (720, 450), (844, 390)], ids=["320 px", "200 percent", "sideways"]
)
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
async def test_nothing_is_cut_off_on_the_smallest_screens(
    house: House, width: int, height: int, direction: str
) -> None:
    small = {"viewport": {"width": width, "height": height}, "has_touch": True}
    turn = f"addEventListener('DOMContentLoaded', () => {{ document.documentElement.dir = '{direction}'; }});"
    long = "Maria-Magdalena Santos de la Cruz y Fuentes"
    maria = await house.person("maria", long, "patient", small, script=turn)
    doctor = await house.person("okafor", "Dr. Adaeze Okafor", "clinician", small, script=turn)

    async def judge(visitor: Visitor, name: str) -> None:
        await visitor.page.wait_for_timeout(300)
        await visitor.shot(f"{name}-{width}-{direction}")
        wider = await visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, f"{name}: {wider} px too wide"
        cut = await visitor.page.evaluate(
            """() => [...document.querySelectorAll(".control, .btn, .tab, .stage-button")]
            .filter((e) => e.checkVisibility({ visibilityProperty: true }))
            .map((e) => [e.ariaLabel || e.textContent, e.getBoundingClientRect()])
            .filter(([, r]) => r.width > 0 && (r.left < -1 || r.right > innerWidth + 1))
            .map(([label]) => label)"""
        )
        assert cut == [], f"{name}: {cut}"
        broken = await visitor.page.evaluate(
            """() => [...document.querySelectorAll(".console-banner > .muted, .empty-icon")]
            .filter((e) => e.checkVisibility() && (e.textContent !== "" || e.matches(".empty-icon")))
            .filter((e) => e.offsetHeight > Math.max(30, e.offsetWidth)
                || (e.matches(".empty-icon") && e.offsetHeight !== e.offsetWidth))
            .map((e) => e.className)"""
        )
        assert broken == [], f"{name}: squeezed out of shape: {broken}"
        empty = await visitor.page.evaluate(
            """() => [...document.querySelectorAll(".chat .empty")].filter((e) => e.checkVisibility())
            .map((e) => e.scrollHeight - e.clientHeight).filter((beyond) => beyond > 0)"""
        )
        assert empty == [], f"{name}: words are cut off by {empty} px"

    await maria.sees_text("Connection works")
    await judge(maria, "patient-ready")
    await doctor.sees_text("Ready when you are")
    await judge(doctor, "console-lobby")
    await maria.enter()
    await doctor.enter()
    await maria.sees_face()
    await doctor.sees_face()
    await judge(maria, "patient-call")
    await judge(doctor, "console-call")
    await maria.press(re.compile("^Messages"))
    await judge(maria, "patient-messages")
