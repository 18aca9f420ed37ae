// Small conveniences. Every page works without this module.

const fold = (text) => text.toLowerCase().replaceAll("đ", "d").normalize("NFD").replace(/\p{M}/gu, "");

document.documentElement.classList.add("scripted");

// Search among the services while typing.
for (const input of document.querySelectorAll("[data-filter]")) {
  const rows = [...document.querySelectorAll("[data-text]")];
  const texts = rows.map((row) => fold(row.dataset.text));
  const count = document.querySelector("[data-count]");
  input.addEventListener("input", () => {
    const words = fold(input.value).split(/\s+/).filter(Boolean);
    let found = 0;
    rows.forEach((row, at) => {
      row.hidden = !words.every((word) => texts[at].includes(word));
      found += row.hidden ? 0 : 1;
    });
    for (const group of document.querySelectorAll("[data-group]")) {
      group.hidden = !group.querySelector("[data-text]:not([hidden])");
    }
    if (count) count.textContent = count.textContent.replace(/^\s*\d+/, found);
  });
}

// The wards of the chosen province.
for (const province of document.querySelectorAll("select[data-wards]")) {
  const ward = document.getElementById(province.dataset.wards);
  province.addEventListener("change", async () => {
    ward.length = 1;
    ward.required = province.required;
    if (!province.value) return;
    ward.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`/don-vi/${encodeURIComponent(province.value)}`);
      for (const each of await answer.json()) ward.add(new Option(each.label, each.code));
    } finally {
      ward.removeAttribute("aria-busy");
    }
  });
}

// An error beside the field, in the page's language, when the form is sent. Once the field is right the error fades but
// keeps its place: a page that moves under the pointer makes the next click miss.
for (const form of document.querySelectorAll("form[data-validate]")) {
  form.noValidate = true;
  const show = (input) => {
    const field = input.closest(".field");
    if (!field) return;
    const id = `${field.id}-error`;
    document.getElementById(id)?.remove();
    const error = document.createElement("p");
    error.className = "error";
    error.id = id;
    error.textContent = input.validity.valueMissing ? form.dataset.missing : form.dataset.wrong;
    field.querySelector("legend, label").after(error);
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", id);
  };
  form.addEventListener("change", ({ target }) => {
    if (!target.validity.valid) return;
    const field = target.closest(".field");
    for (const each of field?.querySelectorAll("[aria-invalid]") ?? []) each.removeAttribute("aria-invalid");
    for (const each of field?.querySelectorAll(".error") ?? []) each.classList.add("settled");
  });
  form.addEventListener("submit", (event) => {
    if (event.submitter?.formNoValidate) return;
    const wrong = [...form.elements].filter((each) => each.willValidate && !each.validity.valid);
    if (wrong.length === 0) return;
    event.preventDefault();
    wrong.toReversed().forEach(show);
    wrong[0].focus();
  });
}

// A question takes a while: say so, and send it once.
for (const form of document.querySelectorAll("form[data-waiting]")) {
  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    if (button && !button.formAction.includes("/tu-khai/")) {
      const note = document.createElement("p");
      note.className = "waiting";
      note.setAttribute("role", "status");
      note.textContent = form.dataset.waiting;
      form.append(note);
    }
  });
}
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

document.getElementById("loi")?.focus();
