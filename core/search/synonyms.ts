/**
 * Words that people write for each other: abbreviations, and the two ways to spell. Each line is a
 * group; a word may stand in several. The first word is the long form.
 */
const GROUPS = `
  service svc srv
  gateway gw gtw
  configuration config cfg conf
  management mgmt mgt
  manager mgr
  staging stg stage
  production prod prd
  development dev
  environment env
  authentication authn auth
  authorization authz auth
  database db
  backend be
  frontend fe
  account acct acc
  administration administrator admin
  message msg
  notification notif ntf
  package pkg
  repository repo
  application app
  user usr
  customer cust
  transaction txn trx tx
  payment pmt pymt
  invoice inv
  inventory inv
  organization org
  document doc
  documentation docs doc
  address addr
  quantity qty
  reference ref
  request req
  response resp
  subscription sub
  scheduler sched
  schedule sched
  kubernetes k8s kube
  internal int
  external ext
  public pub
  private priv
  registry reg
  registration reg
  server svr
  namespace ns
  permission perm
  processor proc
  process proc
  controller ctrl ctl
  monitoring monitor mon
  security sec
  version ver
  statistics stats
  information info
  source src
  destination dest dst
  temporary temp tmp
  utility util
  library lib
  delete del
  update upd
  catalog cat
  category cat
  certificate cert
  credential cred
  integration integ
  international intl
  recommendation reco rec
  session sess
  synchronization sync
  average avg
  maximum max
  minimum min
  calculation calc
  communication comm comms
  description desc
  directory dir
  distribution dist
  department dept
  error err
  event evt
  execution exec
  function func fn
  group grp
  history hist
  image img
  language lang
  location loc
  maintenance maint
  network net
  object obj
  operations ops
  parameter param
  password pwd passwd
  performance perf
  previous prev
  profile prof
  project proj
  property prop
  provider prov
  query qry
  receive recv rcv
  record rec
  report rpt
  resource res
  sandbox sbx
  sequence seq
  shipment shpt
  signature sig
  specification spec
  standard std
  storage stor
  system sys
  table tbl
  template tmpl tpl
  text txt
  ticket tkt
  token tok
  variable var
  vehicle veh
  warehouse whse wh
  worker wrk
  canary cnry
  regression regr
`;

const GROUPS_OF_WORD = readGroups();

function readGroups(): ReadonlyMap<string, readonly (readonly string[])[]> {
  const groups = new Map<string, (readonly string[])[]>();
  for (const line of GROUPS.trim().split("\n")) {
    const words = line.trim().split(" ");
    for (const word of words) groups.set(word, [...(groups.get(word) ?? []), words]);
  }
  return groups;
}

/** Whether one word is the other's abbreviation, its other number or its other spelling. */
export function areSynonyms(a: string, b: string): boolean {
  const [lemma, other] = [lemmaOf(a), lemmaOf(b)];
  return lemma === other || isInGroupOf(lemma, other);
}

function isInGroupOf(a: string, b: string): boolean {
  return GROUPS_OF_WORD.get(a)?.some((group) => group.includes(b)) ?? false;
}

/** Every way to write a word that {@link areSynonyms} knows of, the word itself first. */
export function synonymsOf(word: string): readonly string[] {
  const lemma = lemmaOf(word);
  const found = new Set([word, lemma]);
  for (const group of GROUPS_OF_WORD.get(lemma) ?? []) for (const other of group) found.add(other);
  const forms = Array.from(found, formsOf);
  for (const form of forms.flat()) found.add(form);
  return [...found];
}

/** The other numbers and spellings of a word in the singular. */
function formsOf(word: string): readonly string[] {
  if (word.length < 2) return [];
  const british = SPELLINGS.map(([, american, , back]) => word.replace(american, back));
  const forms: string[] = [];
  for (const form of new Set([word, ...british])) {
    forms.push(form, `${form}s`, `${form}es`);
    if (form.endsWith("y")) forms.push(`${form.slice(0, -1)}ies`);
  }
  return forms;
}

/** Endings that are spelt in two ways, of words in the singular. */
const SPELLINGS: readonly (readonly [
  british: RegExp,
  american: RegExp,
  toAmerican: string,
  toBritish: string,
])[] = [
  [/is(ation|ed|e|ing|er)$/, /iz(ation|ed|e|ing|er)$/, "iz$1", "is$1"],
  [/our(ed|ing|ite|al)?$/, /or(ed|ing|ite|al)?$/, "or$1", "our$1"],
  [/ll(ed|ing|er)$/, /l(ed|ing|er)$/, "l$1", "ll$1"],
  [/ogue$/, /og$/, "og", "ogue"],
  [/tre$/, /ter$/, "ter", "tre"],
  [/([cf])ence$/, /([cf])ense$/, "$1ense", "$1ence"],
  [/filment$/, /fillment$/, "fillment", "filment"],
];

/** A word shorter than this has no endings to take off: `is`, `us`, `hour`. */
const LEMMA_MIN_LENGTH = 4;
const SPELLING_MIN_LENGTH = 6;

/** Words come again and again, and their endings are dear to look at. */
const LEMMAS = new Map<string, string>();
const LEMMAS_MAX_COUNT = 10_000;

/** A word in the singular and in one spelling. Not always a word, but the same for both forms. */
function lemmaOf(word: string): string {
  if (word.length < LEMMA_MIN_LENGTH) return word;
  const known = LEMMAS.get(word);
  if (known !== undefined) return known;
  const lemma = findLemma(word);
  if (LEMMAS.size >= LEMMAS_MAX_COUNT) LEMMAS.clear();
  LEMMAS.set(word, lemma);
  return lemma;
}

function findLemma(word: string): string {
  const singular = singularOf(word);
  if (singular.length < SPELLING_MIN_LENGTH) return singular;
  for (const [british, , toAmerican] of SPELLINGS) {
    if (british.test(singular)) return singular.replace(british, toAmerican);
  }
  return singular;
}

function singularOf(word: string): string {
  if (!word.endsWith("s") || /(ss|us|is)$/.test(word)) return word;
  if (word.endsWith("ies") && word.length > LEMMA_MIN_LENGTH) return `${word.slice(0, -3)}y`;
  if (/(sh|ch|x|ss|z|us)es$/.test(word)) return word.slice(0, -2);
  return word.slice(0, -1);
}
