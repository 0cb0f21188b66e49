// The tab for a file: hands it in, shows how far it has come, and offers the answers. Gradio draws the tab when it is
// opened, so that the listeners are the document's.
(() => {
  const EVERY_MS = 300;
  let turn = 0;
  const part = (name) => document.querySelector(`#file-desk ${name}`);
  const desk = (event) => event.target.closest?.("#file-desk .drop");

  function show(text, { wrong = false, done = null } = {}) {
    part(".status").textContent = text;
    part(".status").className = `status ${wrong ? "error" : "note"}`;
    part("progress").hidden = done === null;
    if (done !== null) part("progress").value = done;
    part("a").hidden = true;
  }

  async function ask(path, how) {
    const answer = await fetch(path, how);
    const text = await answer.text();
    let told = { problem: text };
    try { told = JSON.parse(text); } catch { /* a sentence of the guard */ }
    if (!answer.ok || told.problem) throw new Error(told.problem);
    return told;
  }

  async function handIn(file) {
    const mine = ++turn;
    const most = Number(part("").dataset.mostBytes);
    if (file.size > most) return show(`${file.name} is larger than ${Math.floor(most / 2 ** 20)} MB.`, { wrong: true });
    show(`${file.name} is handed in …`, { done: 0 });
    try {
      const columns = [...document.querySelectorAll("#file-desk .columns input")].map((box) => [box.name, box.value]);
      const query = new URLSearchParams([["name", file.name], ...columns]);
      const { key } = await ask(`files/?${query}`, { method: "POST", body: file });
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
        if (mine !== turn || !part("")) return;
        const told = await ask(`files/${key}`);
        const rows = `${told.rows.toLocaleString("en")} row${told.rows === 1 ? "" : "s"}`;
        if (mine !== turn) return;
        const said = told.done ? `${file.name}: ${rows} answered.` : `${file.name}: ${rows} …`;
        show([said, ...told.notes].join(" "), { done: told.done ? 1 : told.part });
        if (told.done) {
          part("a").href = `files/${key}/answers`;
          part("a").hidden = false;
          return;
        }
      }
    } catch (error) {
      if (mine === turn) show(error.message || "The page's program cannot be reached.", { wrong: true });
    }
  }

  document.addEventListener("change", (event) => {
    if (!event.target.matches?.("#file-desk input[type=file]") || !event.target.files.length) return;
    handIn(event.target.files[0]);
    event.target.value = "";
  });
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      const place = desk(event);
      if (!place) return;
      event.preventDefault();
      place.classList.toggle("over", kind === "dragenter" || kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) handIn(event.dataTransfer.files[0]);
    });
  }
})();
