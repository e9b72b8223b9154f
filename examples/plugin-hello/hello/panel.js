/**
 * What the person at the door sees: how often they were greeted, and a field to greet back.
 */

export default { id: "greeting_panel", order: 50, mount };

/** Draws into `host.el`; `host.view` is what the plugin's hook gave, and "view" tells that it changed. */
function mount(host) {
  const { h, button, setText } = host.ui;
  const count = h("p", { "aria-live": "polite" });
  const input = h("input", { class: "input", id: "hello-reply", required: true, maxLength: 80 });
  const send = button({ label: host.t("hello.greeting_panel.send"), class: "primary", onclick: () => {} });
  send.type = "submit";
  const answer = async (event) => {
    event.preventDefault();
    await host.api("reply", { text: input.value });
    await host.refresh();
  };
  const label = h("label", { for: "hello-reply" }, host.t("hello.greeting_panel.reply"));
  const form = h("form", { class: "col", on: { submit: answer } }, label, input, send);
  host.el.replaceChildren(h("h1", { tabIndex: -1 }, host.t("hello.greeting_panel.title")), count, form);

  function show() {
    const view = host.view ?? { count: 0, reply: "" };
    setText(count, host.t("hello.greeting_panel.count", { count: view.count }));
    form.hidden = view.reply !== "";
  }
  show();
  return { close: host.on("view", show) };
}
