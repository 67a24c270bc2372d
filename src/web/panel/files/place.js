// Where the home is: picked from a list that comes with the page, or typed. Nothing is looked up outside.

import { Refused, el, t } from "./core.js";
import { field, isOurs } from "./forms.js";

/** A number as it is typed here or there: with a point or a comma. */
const degrees = (text) => Number(text.trim().replace(",", "."));

/** The fields for a place. `parts` go into a form, `read` gives what they say, or null where they say nothing. */
export function placeFields({ position, time_zone: zone, zone_in_use: inUse }, isFirst = false) {
  const mine = isOurs(position);
  const copy = (id) => document.getElementById(id).content.cloneNode(true);
  const input = (name, value, more) => el("input", { name, inputmode: "decimal", autocomplete: "off", disabled: !mine, value: value ?? "", ...more });
  const latitude = input("latitude", position.value?.latitude, { placeholder: "48.86" });
  const longitude = input("longitude", position.value?.longitude, { placeholder: "2.35" });
  const elevation = input("elevation", position.value?.elevation || "", { placeholder: "0" });
  const city = el("select", {
    name: "city", disabled: !mine,
    onchange: () => {
      if (city.value) {
        [latitude.value, longitude.value] = city.value.split(" ");
      }
    },
  }, el("option", { value: "", text: "–" }), copy("cities"));
  const zones = el("select", { name: "zone", disabled: !isOurs(zone) }, el("option", { value: "", text: t("settings.zone.system", { zone: isFirst || zone.value === "" ? inUse : "" }).replace(" ()", "") }), copy("zones"));
  zones.value = zone.value;
  if (isFirst && isOurs(zone) && zone.value === "") {
    // The browser stands in the house as a rule, and a fresh board is set to London.
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    zones.value = here !== inUse.replace("Etc/", "") && [...zones.options].some((option) => option.value === here) ? here : "";
  }
  const parts = [
    field(t("welcome.city"), city),
    el("div", { class: "pair" }, field(t("latitude"), latitude), field(t("longitude"), longitude)),
    field(t("elevation"), elevation),
    field(t("settings.zone"), zones),
  ];
  const read = () => {
    const body = {};
    if (isOurs(zone) && zones.value !== zone.value) {
      body.time_zone = zones.value;
    }
    if (mine && (latitude.value.trim() || longitude.value.trim())) {
      const [north, east, high] = [latitude, longitude, elevation].map((one) => degrees(one.value));
      if (!latitude.value.trim() || !longitude.value.trim() || !(Math.abs(north) <= 90) || !(Math.abs(east) <= 180)) {
        throw new Refused("a place has a latitude from -90 to 90 and a longitude from -180 to 180 degrees", { code: "bad_position" });
      }
      if (!(high >= -500 && high <= 9000)) {
        throw new Refused("a height above the sea is from -500 to 9000 meters", { code: "bad_elevation" });
      }
      body.position = { latitude: north, longitude: east, elevation: high };
    }
    return Object.keys(body).length ? body : null;
  };
  return { parts, read };
}
