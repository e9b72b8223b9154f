/** Countries by ISO 3166-1, named by the browser in the language of now; the states of the US with their names. */

const COUNTRIES =
  "AD AE AF AG AI AL AM AO AR AT AU AW AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL CM CN CO CR CU CV CW CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FM FR GA GB GD GE GH GM GN GQ GR GT GW GY HK HN HR HT HU ID IE IL IN IQ IR IS IT JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MM MN MO MR MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NR NZ OM PA PE PG PH PK PL PS PT PW PY QA RO RS RU RW SA SB SC SD SE SG SI SK SL SM SN SO SR SS ST SV SY SZ TC TD TG TH TJ TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VN VU WS YE ZA ZM ZW";

/** [code, English, Spanish where it differs]; with the District of Columbia and the territories, which license too. */
const STATES = /** @type {const} */ ([
  ["AL", "Alabama"],
  ["AK", "Alaska"],
  ["AS", "American Samoa", "Samoa Americana"],
  ["AZ", "Arizona"],
  ["AR", "Arkansas"],
  ["CA", "California"],
  ["CO", "Colorado"],
  ["CT", "Connecticut"],
  ["DE", "Delaware"],
  ["DC", "District of Columbia", "Distrito de Columbia"],
  ["FL", "Florida"],
  ["GA", "Georgia"],
  ["GU", "Guam"],
  ["HI", "Hawaii", "Hawái"],
  ["ID", "Idaho"],
  ["IL", "Illinois"],
  ["IN", "Indiana"],
  ["IA", "Iowa"],
  ["KS", "Kansas"],
  ["KY", "Kentucky"],
  ["LA", "Louisiana", "Luisiana"],
  ["ME", "Maine"],
  ["MD", "Maryland"],
  ["MA", "Massachusetts"],
  ["MI", "Michigan"],
  ["MN", "Minnesota"],
  ["MS", "Mississippi", "Misisipi"],
  ["MO", "Missouri", "Misuri"],
  ["MT", "Montana"],
  ["NE", "Nebraska"],
  ["NV", "Nevada"],
  ["NH", "New Hampshire", "Nuevo Hampshire"],
  ["NJ", "New Jersey", "Nueva Jersey"],
  ["NM", "New Mexico", "Nuevo México"],
  ["NY", "New York", "Nueva York"],
  ["NC", "North Carolina", "Carolina del Norte"],
  ["ND", "North Dakota", "Dakota del Norte"],
  ["MP", "Northern Mariana Islands", "Islas Marianas del Norte"],
  ["OH", "Ohio"],
  ["OK", "Oklahoma"],
  ["OR", "Oregon", "Oregón"],
  ["PA", "Pennsylvania", "Pensilvania"],
  ["PR", "Puerto Rico"],
  ["RI", "Rhode Island"],
  ["SC", "South Carolina", "Carolina del Sur"],
  ["SD", "South Dakota", "Dakota del Sur"],
  ["TN", "Tennessee"],
  ["TX", "Texas"],
  ["UT", "Utah"],
  ["VT", "Vermont"],
  ["VI", "Virgin Islands", "Islas Vírgenes"],
  ["VA", "Virginia"],
  ["WA", "Washington"],
  ["WV", "West Virginia", "Virginia Occidental"],
  ["WI", "Wisconsin"],
  ["WY", "Wyoming"],
]);

/** @param {string} language @returns {[string, string][]} code and name, the United States first */
export function countries(language) {
  const names = new Intl.DisplayNames([language], { type: "region" });
  const all = COUNTRIES.split(" ").map(
    (code) => /** @type {[string, string]} */ ([code, names.of(code) ?? code]),
  );
  const { compare } = new Intl.Collator(language);
  return all.sort((a, b) => Number(b[0] === "US") - Number(a[0] === "US") || compare(a[1], b[1]));
}

/** @param {string} language @returns {[string, string][]} code and name */
export function states(language) {
  const { compare } = new Intl.Collator(language);
  return STATES.map(
    ([code, english, spanish]) =>
      /** @type {[string, string]} */ ([code, language.startsWith("es") ? (spanish ?? english) : english]),
  ).sort((a, b) => compare(a[1], b[1]));
}
