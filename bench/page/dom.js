
/*
 * dom: elements from text and values; nothing of a result is ever read as HTML.
 */
function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
        if (name === "style") {
            Object.entries(value).forEach(([key, part]) => node.style.setProperty(key, part));
        } else if (value !== null && value !== undefined && value !== false) {
            node.setAttribute(name, value === true ? "" : value);
        }
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
}

function html(tag, attributes, ...children) {
    return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes, ...children) {
    return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/*
 * A table. `columns` are names, or { name, title }; a row is an array of cells, the first its name.
 * A cell is a text, or { text, class, title }.
 */
function table(caption, columns, rows) {
    const cellOf = (cell, tag, attributes) => {
        const parts = typeof cell === "object" ? cell : { text: cell };
        return html(tag, { class: parts.class, title: parts.title, ...attributes }, parts.text);
    };
    return html("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
        html("table", {},
            html("caption", {}, caption),
            html("thead", {}, html("tr", {},
                columns.map((column) => cellOf(column, "th", { scope: "col" })))),
            html("tbody", {}, rows.map((row) => html("tr", {},
                row.map((cell, i) => i === 0 ? cellOf(cell, "th", { scope: "row" })
                    : cellOf(cell, "td", {})))))));
}
