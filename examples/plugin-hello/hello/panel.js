/**
 * What the person at the door sees: how often they were greeted, and a field to greet back.
 * @param {import("/static/shared/plugin.js").PanelContext} context
 */
export default function panel(context) {
  const count = document.createElement("p");
  const form = document.createElement("form");
  const label = document.createElement("label");
  const input = document.createElement("input");
  const send = document.createElement("button");
  input.required = true;
  input.maxLength = 80;
  label.textContent = context.text("greeting_panel.reply");
  send.textContent = context.text("greeting_panel.send");
  label.append(input);
  form.append(label, send);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    show(await context.call("POST", "/reply", { text: input.value }));
  });
  context.element.append(count, form);

  /** @param {{count: number, reply: string}} view */
  function show(view) {
    count.textContent = context.text("greeting_panel.count", { count: view.count });
    form.hidden = view.reply !== "";
  }

  return { update: show };
}
