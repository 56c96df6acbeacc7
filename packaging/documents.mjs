/**
 * The documents of a release: bills of materials as CycloneDX 1.5 and SPDX 2.3, and provenance as an
 * in-toto statement with the SLSA 1.0 predicate. All are functions of their arguments: no clock, no chance.
 */
import { sha256 } from './components.mjs';

const time = (epoch) => new Date(epoch * 1000).toISOString().replace('.000', '');

/** A UUID of 16 bytes of a digest, with the marks of version 8 (RFC 9562, 5.8). */
function uuidOf(text) {
  const hex = sha256(text).slice(0, 32).split('');
  hex[12] = '8';
  hex[16] = '8';
  return hex.join('').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * @param components as of components.mjs
 * @param epoch seconds since 1970, of the commit
 * @returns the document, for JSON
 */
export function cycloneDx(components, epoch) {
  const partsOf = (parent) => components.filter((each) => each.parent === parent);
  const described = ({ id, type, name, version, license, purl, cpe, hashes }) => {
    const parts = partsOf(id).map(described);
    return {
      type,
      'bom-ref': id,
      name,
      version,
      ...(hashes.length > 0 && {
        hashes: hashes.map(({ algorithm, hex }) => ({ alg: algorithm, content: hex })),
      }),
      ...(license && { licenses: [{ expression: license }] }),
      ...(cpe && { cpe }),
      ...(purl && { purl }),
      ...(parts.length > 0 && { components: parts }),
    };
  };
  const [product] = components;
  const { components: parts, ...root } = described(product);
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify(components))}`,
    version: 1,
    metadata: { timestamp: time(epoch), component: root },
    components: parts,
    dependencies: components.map(({ id }) => ({
      ref: id,
      dependsOn: partsOf(id).map((part) => part.id),
    })),
  };
}

/** The same as SPDX. */
export function spdx(components, epoch) {
  const [product] = components;
  const name = `${product.name}-${product.version}`;
  const ids = new Map(
    components.map(({ id }) => [id, `SPDXRef-${id.replace(/[^A-Za-z0-9.-]+/g, '-')}`]),
  );
  const unknown = 'NOASSERTION';
  const reference = (referenceCategory, referenceType, referenceLocator) =>
    referenceLocator ? [{ referenceCategory, referenceType, referenceLocator }] : [];
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name,
    documentNamespace: `https://spdx.org/spdxdocs/${name}-${uuidOf(JSON.stringify(components))}`,
    creationInfo: { created: time(epoch), creators: [`Tool: ${name}`] },
    packages: components.map(({ id, name, version, license, purl, cpe, hashes, type }) => ({
      SPDXID: ids.get(id),
      name,
      versionInfo: version,
      primaryPackagePurpose: type.toUpperCase(),
      downloadLocation: unknown,
      filesAnalyzed: false,
      licenseConcluded: unknown,
      licenseDeclared: license ?? unknown,
      copyrightText: unknown,
      checksums: hashes.map(({ algorithm, hex }) => ({
        algorithm: algorithm.replace('-', ''),
        checksumValue: hex,
      })),
      externalRefs: [
        ...reference('PACKAGE-MANAGER', 'purl', purl),
        ...reference('SECURITY', 'cpe23Type', cpe),
      ],
    })),
    relationships: [
      {
        spdxElementId: 'SPDXRef-DOCUMENT',
        relationshipType: 'DESCRIBES',
        relatedSpdxElement: ids.get(product.id),
      },
      ...components.slice(1).map(({ id, parent }) => ({
        spdxElementId: ids.get(parent),
        relationshipType: 'CONTAINS',
        relatedSpdxElement: ids.get(id),
      })),
    ],
  };
}

/**
 * An in-toto Statement v1 with SLSA's provenance v1: of what, by which command, these files were built.
 * @param files `name` and `sha256` of each
 * @param build `version`; `commit`, undefined with uncommitted changes; `nodes`, the locked packages of Node
 *   with `sha512`; `tools`, the Debian packages that build, as purls; `environment`, in which GitHub's
 *   runner names itself
 */
export function provenance(files, { version, commit, nodes, tools, environment }) {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = environment;
  const source = repository ? `git+${server}/${repository}` : 'git+file:.';
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: files.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'urn:entropyd:npm-run-release:1',
        externalParameters: { command: 'npm run release', version },
        internalParameters: {},
        resolvedDependencies: [
          { uri: source, ...(commit && { digest: { gitCommit: commit } }) },
          ...nodes.map(({ purl, sha512 }) => ({ uri: purl, digest: { sha512 } })),
          ...tools.map((uri) => ({ uri })),
        ],
      },
      runDetails: {
        builder: {
          id: repository
            ? `${server}/${environment.GITHUB_WORKFLOW_REF}`
            : 'urn:entropyd:builder:local',
        },
      },
    },
  };
}
