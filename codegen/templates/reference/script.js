
"use strict";
(() => {
  const $ = (selector, inside = document) => inside.querySelector(selector);
  const $$ = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  /** An element with a text and attributes. Texts are never read as HTML. */
  const make = (name, text = "", attributes = {}) => {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  // The page lies beside the paths of the API, below whatever prefix a proxy has put before them.
  const base = new URL(".", location.href).href.replace(/\/$/, "");
  document.documentElement.classList.add("scripted");
  for (const pre of $$("pre[data-language]")) {
    const text = pre.firstChild; // the address stands before the marked body
    text.data = text.data.replaceAll("{{ address }}", base);
  }

  // Theme: as the system has it, or one of the two.
  const themes = ["auto", "light", "dark"];
  const show = (theme) => {
    document.documentElement.dataset.theme = theme;
    $("#theme").textContent = `Theme: ${theme}`;
    $("#theme").setAttribute("aria-label", `Theme: ${theme}`);
  };
  const stored = (use) => {
    try { return use(localStorage); } catch { return null; } // a browser may forbid it
  };
  show(themes.find((theme) => theme === stored((kept) => kept.getItem("treadle-theme"))) ?? "auto");
  $("#theme").addEventListener("click", () => {
    const next = themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % themes.length];
    stored((kept) => kept.setItem("treadle-theme", next));
    show(next);
  });

  // Contents: a menu on narrow screens, and the place in it of what is read.
  const nav = $("#contents");
  const open = (isOpen) => {
    nav.classList.toggle("open", isOpen);
    $("#menu").setAttribute("aria-expanded", isOpen);
  };
  $("#menu").addEventListener("click", () => open(!nav.classList.contains("open")));
  nav.addEventListener("click", (event) => event.target.closest("a") && open(false));
  const links = new Map($$("a", nav).map((link) => [link.hash.slice(1), link]));
  const visible = new Set();
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) visible[isIntersecting ? "add" : "delete"](target.id);
    const current = [...links.keys()].find((id) => visible.has(id));
    if (!current) return;
    for (const [id, link] of links) {
      if (id !== current) link.removeAttribute("aria-current");
      else if (!link.hasAttribute("aria-current")) {
        link.setAttribute("aria-current", "true");
        if (nav.scrollHeight > nav.clientHeight) {
          const top = link.offsetTop;
          if (top < nav.scrollTop || top > nav.scrollTop + nav.clientHeight - 40) nav.scrollTop = top - nav.clientHeight / 3;
        }
      }
    }
  }, { rootMargin: "-100px 0px -60% 0px" });
  for (const each of $$("article, #send-a-run, #elsewhere")) observer.observe(each);

  // Examples: one language for all of them, chosen at any of them, and a button to copy.
  const languages = $$(".languages input");
  for (const input of languages) input.tabIndex = -1;
  const choose = (language) => {
    for (const input of languages) input.checked = input.value === language;
    for (const tab of $$("[role=tab]")) {
      const isChosen = tab.textContent === language;
      tab.setAttribute("aria-selected", isChosen);
      tab.tabIndex = isChosen ? 0 : -1;
    }
  };
  for (const code of $$("article .code")) {
    const tabs = make("div", "", { class: "tabs", role: "tablist", "aria-label": "Language" });
    const buttons = languages.map(({ value }) => make("button", value, { type: "button", role: "tab" }));
    const copy = make("button", "Copy", { type: "button", class: "copy" });
    const pick = (button) => {
      const before = code.getBoundingClientRect().top;
      choose(button.textContent);
      button.focus();
      scrollBy({ top: code.getBoundingClientRect().top - before, behavior: "instant" }); // others above it grew or shrank
    };
    buttons.forEach((button, at) => {
      button.addEventListener("click", () => pick(button));
      button.addEventListener("keydown", ({ key }) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
        if (step) pick(buttons[(at + step + buttons.length) % buttons.length]);
      });
    });
    copy.addEventListener("click", async () => {
      const pre = $$("[data-language]", code).find(({ dataset }) => dataset.language === languages.find(({ checked }) => checked).value);
      try {
        await navigator.clipboard.writeText(pre.textContent);
        copy.textContent = "Copied";
      } catch { // the clipboard is closed to pages without TLS: the reader copies what is selected
        getSelection().selectAllChildren(pre);
        copy.textContent = "Selected";
      }
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    });
    tabs.append(...buttons, copy);
    code.prepend(tabs);
  }
  choose(languages[0].value);
  for (const pre of $$("pre")) pre.tabIndex = 0;

  // Objects with a name stand once in the page, and are copied to where they are looked into.
  const lists = (inside) => $$(":scope > dl:not([data-in])", inside);
  const expandable = (inside) => {
    for (const link of $$("dt > i > a", inside)) {
      const details = make("details", "", { "data-named": "" }), name = link.textContent;
      details.append(make("summary", `Fields of ${name}`));
      details.addEventListener("toggle", () => {
        if ($("dl", details) || !details.open) return;
        for (const list of lists(document.getElementById(link.hash.slice(1)))) {
          const fields = list.cloneNode(true);
          for (const each of $$("[id]", fields)) each.removeAttribute("id");
          for (const each of $$("details[data-named]", fields)) each.remove(); // made anew, as they listen
          expandable(fields);
          details.append(fields);
        }
      });
      link.closest("dt").nextElementSibling.append(details);
    }
  };
  for (const place of $$("[data-same]")) {
    const source = document.getElementById(place.dataset.same); // gone, if the server does not serve it
    const [fields] = source ? lists($("div:has(> h4)", source) ?? source) : [];
    if (fields) place.after(fields.cloneNode(true));
  }
  for (const article of $$("article")) {
    expandable(article);
    for (const row of $$("dl > dt", article)) {
      if (!row.closest("details") && $("code", row)) row.id = `${article.id}.${$("code", row).textContent}`;
    }
  }
  if (location.hash.includes(".")) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();

  // Search: operations first, then fields.
  const entries = $$("article").flatMap((article) => {
    const title = $("h3", article).textContent;
    if (!$(".route", article)) return [{ id: article.id, title, kind: "type", note: "Type", text: title }];
    const method = $(".route .method", article);
    const path = $(".route code", article).textContent;
    const operation = { id: article.id, title, note: path, method, text: `${title} ${method.textContent} ${path} ${article.id}` };
    const fields = $$("dt[id]", article).map((each) => {
      const name = $("code", each).textContent;
      return { id: each.id, title: name, kind: "field", note: `${method.textContent} ${path}`, text: name };
    });
    return [operation, ...fields];
  });
  const search = $("#search"), found = $("#found");
  let chosen = -1;
  const select = (index) => {
    const items = $$("[role=option]", found);
    chosen = items.length ? (index + items.length) % items.length : -1;
    items.forEach((item, at) => item.setAttribute("aria-selected", at === chosen));
    if (chosen < 0) search.removeAttribute("aria-activedescendant");
    else {
      search.setAttribute("aria-activedescendant", items[chosen].id);
      items[chosen].scrollIntoView({ block: "nearest", behavior: "instant" });
    }
  };
  const close = () => {
    found.hidden = true;
    search.setAttribute("aria-expanded", "false");
  };
  const find = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rank = (entry) => {
      const title = entry.title.toLowerCase(), operation = entry.method ? 0 : 4;
      return operation + (title === words.join(" ") ? -5 : title.startsWith(words[0]) ? 0 : title.includes(words[0]) ? 1 : 2);
    };
    const hits = entries
      .filter((entry) => words.every((word) => entry.text.toLowerCase().includes(word)))
      .sort((one, other) => rank(one) - rank(other))
      .slice(0, 40);
    found.replaceChildren(...hits.map((entry, at) => {
      const item = make("li", "", { role: "option", id: `found-${at}`, "data-id": entry.id });
      const text = make("span", entry.title);
      text.append(make("small", entry.note));
      item.append(...(entry.method ? [entry.method.cloneNode(true)] : [make("code", entry.kind)]), text);
      return item;
    }));
    if (!hits.length) found.append(make("li", "Nothing has this name.", { class: "none" }));
    found.hidden = !words.length;
    search.setAttribute("aria-expanded", String(!found.hidden));
    select(0);
  };
  const go = (id) => {
    close();
    search.blur();
    const target = document.getElementById(id);
    for (let outer = target.closest("details"); outer; outer = outer.parentElement.closest("details")) outer.open = true;
    if (decodeURIComponent(location.hash) === `#${id}`) target.scrollIntoView();
    else location.hash = id;
  };
  search.addEventListener("input", find);
  search.addEventListener("focus", find);
  search.addEventListener("blur", close);
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") select(chosen + (event.key === "ArrowDown" ? 1 : -1));
    else if (event.key === "Enter") {
      const item = $$("[role=option]", found)[chosen];
      if (item && !found.hidden) go(item.dataset.id);
    } else if (event.key === "Escape") {
      search.value = "";
      close();
      search.blur();
    } else return;
    event.preventDefault();
  });
  found.addEventListener("pointerdown", (event) => {
    const item = event.target.closest("[role=option]");
    event.preventDefault();
    if (item) go(item.dataset.id);
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select") && !event.target.matches("[type=radio], [type=checkbox]");
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    }
    if (event.key === "Escape") open(false);
  });

  // Requests: the key goes into a header, and nowhere else.
  const request = (method, path, { headers = {}, body, signal } = {}) => {
    const key = $("#key").value;
    const sent = { accept: "application/json, text/event-stream", ...headers };
    if (key) sent["x-api-key"] = key;
    if (body !== undefined) sent["content-type"] = "application/json";
    return fetch(base + path, { method, headers: sent, body, signal, credentials: "omit", cache: "no-store", redirect: "error" });
  };
  /** The events of a stream as they arrive: fields end with a line, events with an empty line. */
  async function* events(body) {
    let rest = "", event = {};
    for (const reader = body.pipeThrough(new TextDecoderStream()).getReader(); ;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        const [, name, text] = /^([^:]*):? ?(.*)$/s.exec(line);
        if (line === "") {
          if (event.data !== undefined) yield event;
          event = {};
        } else if (name === "data") event.data = event.data === undefined ? text : `${event.data}\n${text}`;
        else if (name) event[name] = text;
      }
    }
  }
  const pretty = (text) => {
    try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
  };
  const clock = (from) => `${Math.round(performance.now() - from).toLocaleString("en")} ms`;

  /** Show the events in the list; returns how many there were. */
  async function list(body, result, from) {
    const rows = make("ol", "", { class: "events", tabindex: "0", "aria-label": "Events" });
    result.append(rows);
    let count = 0;
    for await (const { event = "message", data } of events(body)) {
      count += 1;
      const row = make("li"), details = make("details"), head = make("summary");
      head.append(make("time", clock(from)), make("b", event), make("span", data.slice(0, 300)));
      details.append(head);
      details.addEventListener("toggle", () => details.open && !$("pre", details) && details.append(make("pre", pretty(data))));
      if (event === "error") row.className = "error";
      row.append(details);
      const isAtEnd = rows.scrollTop + rows.clientHeight >= rows.scrollHeight - 4;
      rows.append(row);
      if (isAtEnd) rows.scrollTop = rows.scrollHeight;
    }
    return count;
  }
  /** Send what a form says, show what comes back, and let it be stopped. */
  async function send(form, path, options) {
    const result = $(".result", form), button = $("button", form), stop = $(".stop", form);
    const status = make("p", "Sent. No answer yet …"), stopper = new AbortController();
    result.replaceChildren(status);
    button.disabled = true;
    stop.hidden = false;
    stop.onclick = () => stopper.abort();
    const from = performance.now();
    const say = (response, text) => {
      status.replaceChildren(make("b", String(response.status), { class: response.ok ? "ok" : "failed" }), ` ${text}`);
    };
    try {
      const response = await request(form.dataset.method, path, { ...options, signal: stopper.signal });
      say(response, `after ${clock(from)}`);
      const ignored = response.headers.get("treadle-ignored");
      if (ignored) result.append(make("p", `Ignored by the server: ${ignored}`, { class: "note" }));
      if ((response.headers.get("content-type") ?? "").startsWith("text/event-stream")) {
        say(response, "The stream is open.");
        const count = await list(response.body, result, from);
        say(response, `${count} event${count === 1 ? "" : "s"} in ${clock(from)}. The stream has ended.`);
      } else {
        const text = await response.text();
        say(response, `after ${clock(from)}`);
        if (text) result.append(make("pre", pretty(text), { tabindex: "0" }));
        if (response.status === 401) {
          const link = make("a", "Enter an API key", { href: "#key" });
          link.addEventListener("click", () => setTimeout(() => $("#key").focus()));
          result.append(link);
        }
      }
    } catch (error) {
      status.className = "problem";
      status.textContent = error.name === "AbortError" ? `Stopped after ${clock(from)}.` : `No answer: ${error.message}`;
    } finally {
      button.disabled = false;
      stop.hidden = true;
    }
  }
  /** Whether the text of a field is JSON; if not, the form says where. */
  const isJson = (field, form) => {
    let problem = "";
    try { JSON.parse(field.value); } catch (error) { problem = `This is not JSON: ${error.message}`; }
    field.setAttribute("aria-invalid", String(Boolean(problem)));
    if (problem) {
      $(".result", form).replaceChildren(make("p", problem, { class: "problem" }));
      field.focus();
    }
    return !problem;
  };

  /** A form for an operation, of what its section says of it. */
  const tryIt = (article) => {
    const form = make("form", "", { autocomplete: "off", "data-method": $(".route b", article).textContent });
    const add = (title, field) => {
      const label = make("label");
      label.append(make("span", title), field);
      form.append(label);
    };
    for (const place of $$("dl[data-in]", article)) for (const row of $$("dt", place)) {
      const name = $("code", row).textContent, field = make("input", "", {
        name, "data-in": place.dataset.in, placeholder: $("i", row).textContent, spellcheck: "false",
      });
      field.required = place.dataset.in === "Path" || $("em", row)?.textContent === "required";
      add(`${name} (${place.dataset.in.toLowerCase()})`, field);
    }
    const sample = $("pre span", article);
    if (sample) {
      const text = JSON.stringify(JSON.parse(sample.textContent), null, 2);
      const field = make("textarea", text, { spellcheck: "false", rows: Math.min(text.split("\n").length, 12) });
      add("Body, as JSON", field);
    }
    const buttons = make("div", "", { class: "buttons" });
    const stop = make("button", "Stop", { type: "button", class: "stop" });
    stop.hidden = true;
    buttons.append(make("button", "Send"), stop);
    form.append(buttons, make("div", "", { class: "result", "aria-live": "polite" }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit(form, $(".route code", article).textContent);
    });
    return form;
  };
  const submit = (form, template) => {
    const body = $("textarea", form), query = new URLSearchParams(), headers = {};
    let path = template;
    for (const field of $$("[data-in]", form)) {
      if (field.dataset.in === "Path") path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
      else if (!field.value) continue;
      else if (field.dataset.in === "Query") query.append(field.name, field.value);
      else headers[field.name] = field.value;
    }
    if (body && !isJson(body, form)) return;
    send(form, path + (query.size ? `?${query}` : ""), { headers, body: body?.value });
  };
  for (const article of $$("article:has(.route)")) {
    const details = make("details", "", { class: "try" });
    details.append(make("summary", "Try it"));
    details.addEventListener("toggle", () => $("form", details) || details.append(tryIt(article)));
    $(".code", article).append(details);
  }

  const run = $("#run");
  if (run) {
    const assistant = $("#run-assistant"), input = $("#run-input");
    const example = { name: assistant.value, input: input.value };
    // Asked for when the form is used, so that reading this page sends no request.
    run.addEventListener("focusin", async () => {
      try {
        const response = await request("POST", "/assistants/search", { body: JSON.stringify({ limit: 100 }) });
        const names = [...new Set((await response.json()).map(({ graph_id }) => graph_id))].sort();
        $("#assistants").replaceChildren(...names.map((name) => make("option", "", { value: name })));
        // Most servers do not have the graph of the example.
        if (names.includes(example.name) || !names.length || assistant.value !== example.name) return;
        assistant.value = names[0];
        if (input.value === example.input) input.value = "{}";
      } catch { /* no proposals, then */ }
    }, { once: true });
    run.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!isJson(input, run)) return;
      const modes = $$("[name=mode]:checked", run).map(({ value }) => value);
      // What is stopped here, or left with the page, is stopped on the server too.
      const rest = JSON.stringify({ stream_mode: modes, on_disconnect: "cancel" }).slice(1);
      // The text goes as it is: numbers that JavaScript would round stay exact.
      const body = `{"assistant_id": ${JSON.stringify(assistant.value)}, "input": ${input.value}, ${rest}`;
      send(run, run.dataset.path, { body });
    });
  }
  $("#key-form").addEventListener("submit", (event) => event.preventDefault());
})();
