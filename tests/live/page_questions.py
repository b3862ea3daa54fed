"""page_questions: what bench_page_test.py asks of a page, in the page's own language."""

# What leaves its box or the window, and labels that stand on each other.
BOXES = """(() => {
    const faults = [];
    const inScroll = (node) => node.closest('.scroll') !== null;
    if (document.documentElement.scrollWidth > innerWidth) {
        faults.push(`the page is ${document.documentElement.scrollWidth} wide`);
    }
    for (const node of document.querySelectorAll('body *:not(svg *):not(script)')) {
        const box = node.getBoundingClientRect();
        if (box.width > 1 && !inScroll(node) && (box.right > innerWidth + 0.5 || box.left < -0.5)) {
            faults.push(`${node.tagName}.${node.className} reaches ${box.right}`);
        }
        if (box.width > 1 && node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0 &&
                !node.matches('.scroll')) {
            faults.push(`${node.tagName}.${node.className}: ${node.innerText.slice(0, 40)}`);
        }
    }
    for (const name of document.querySelectorAll('th:first-child')) {
        if (name.offsetWidth > 0 && name.offsetWidth < 100) {
            faults.push(`${name.innerText} has ${name.offsetWidth} px`);
        }
    }
    for (const plot of document.querySelectorAll('.plot > svg')) {
        const outer = plot.getBoundingClientRect();
        const id = plot.closest('figure').id;
        for (const text of plot.querySelectorAll('text')) {
            const box = text.getBoundingClientRect();
            if (box.left < outer.left - 1 || box.right > outer.right + 1 ||
                    box.top < outer.top - 1 || box.bottom > outer.bottom + 1) {
                faults.push(`${id}: ${text.textContent} leaves the plot`);
            }
        }
        for (const [name, from, to] of [['tick-x', 'left', 'right'], ['tick-y', 'top', 'bottom']]) {
            const boxes = [...plot.querySelectorAll('.' + name)]
                .map((text) => text.getBoundingClientRect()).sort((a, b) => a[from] - b[from]);
            if (boxes.some((box, i) => i > 0 && box[from] < boxes[i - 1][to] - 4)) {
                faults.push(`${id}: labels ${name} overlap`);
            }
        }
    }
    return faults;
})()"""

# The lowest contrast of text and of lines with what is behind them.
CONTRASTS = """(() => {
    const parse = (color) => color.match(/[\\d.]+/g).map(Number);
    const lightness = (rgb) => rgb.slice(0, 3).map((c) => c / 255)
        .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (node) => {
        const color = parse(getComputedStyle(node).backgroundColor);
        return color[3] === 0 && node.parentElement ? ground(node.parentElement) : color;
    };
    const worst = {};
    const note = (kind, node, color) => {
        const [a, b] = [lightness(color), lightness(ground(node))].sort((x, y) => y - x);
        worst[kind] = Math.min(worst[kind] || 21, (a + 0.05) / (b + 0.05));
    };
    document.querySelectorAll('.tip').forEach((tip) => { tip.style.display = 'block'; });
    for (const node of document.querySelectorAll('body *:not(script)')) {
        const style = getComputedStyle(node);
        const own = [...node.childNodes].some((child) => child.nodeType === 3 &&
            child.textContent.trim() !== '');
        if (own) {
            note('text', node, parse(node.closest('.plot > svg') ? style.fill : style.color));
        }
        if (node.matches('[data-series]')) {
            note('line', node, parse(style.color));
        }
    }
    return worst;
})()"""

# Of a figure: axis labels with their places, and each series with its points, in its own pixels.
PLOT = """(figure) => {
    const pointsOf = (node) => node.tagName === 'circle'
        ? [[node.cx.baseVal.value, node.cy.baseVal.value]]
        : node.getAttribute('d').slice(1).split(/[ML]/).map((p) => p.split(' ').map(Number));
    const ticksOf = (name, at, shift) => [...figure.querySelectorAll(name)].map((text) =>
        [text.textContent, Number(text.getAttribute(at)) - shift]);
    return {
        x: ticksOf('.tick-x', 'x', 0), y: ticksOf('.tick-y', 'y', 4),
        names: [...figure.querySelectorAll('.label-x, .label-y')].map((text) => text.textContent),
        series: Object.fromEntries([...figure.querySelectorAll('[data-series]')].map((group) =>
            [group.dataset.series,
             [...group.querySelectorAll('path.line, circle')].flatMap(pointsOf)])),
    };
}"""
