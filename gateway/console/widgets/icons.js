/** Line icons, inline so that nothing is loaded from elsewhere. They are decoration beside a text. */

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  mark: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2v2h-2zM18 18h2v2h-2z",
  home: "M4 11l8-7 8 7M6 10v9h12v-9M10 19v-5h4v5",
  scan: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M4 12h16",
  cookies: "M4 6h16v12H4zM8 13a2 2 0 100-4 2 2 0 000 4zM5.500 17a2.800 2.800 0 015 0M14 10h4M14 14h3",
  profile: "M12 12a4 4 0 100-8 4 4 0 000 8zM4.500 20a7.500 7.500 0 0115 0",
  users:
    "M9 11a3.500 3.500 0 100-7 3.500 3.500 0 000 7zM2.500 19.500a6.500 6.500 0 0113 0M16 4.500a3.500 3.500 0 010 6.500M18 13.500a6.500 6.500 0 013.500 6",
  codes: "M8 15a4 4 0 113.500-6H21v4h-2v3h-3v-3h-4.500A4 4 0 018 15zM8 11h.01",
  overview: "M4 20V10M10 20V4M16 20v-7M21 20H3",
  audit: "M6 3h9l4 4v14H6zM9 11h7M9 15h7M9 7h3",
  shield: "M12 3l7 3v6c0 4.500-3 7.500-7 9-4-1.500-7-4.500-7-9V6zM9 12l2.500 2.500L15.500 10",
  out: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
  language: "M12 3a9 9 0 100 18 9 9 0 000-18zM3 12h18M12 3c5 5 5 13 0 18M12 3c-5 5-5 13 0 18",
  sun: "M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.500 1.500M17.500 17.500L19 19M19 5l-1.500 1.500M6.500 17.500L5 19",
  moon: "M20 14.500A8.500 8.500 0 119.500 4 7 7 0 0020 14.500z",
  check: "M5 12.500l4.500 4.500L19 7.500",
  cross: "M6 6l12 12M18 6L6 18",
  warning: "M12 4l9 16H3zM12 10v4M12 17h.01",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  clock: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 7v5l3 2",
  phone: "M8 3h8a1 1 0 011 1v16a1 1 0 01-1 1H8a1 1 0 01-1-1V4a1 1 0 011-1zM11 18h2",
  plus: "M12 5v14M5 12h14",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
};

/** Returns the icon `name` as an svg element of the text's size and colour. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
