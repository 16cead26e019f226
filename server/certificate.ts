// certificate.ts: the server's certificate. Reads one and checks it, or makes a self-signed one once, with the openssl program,
// in the data folder. Never listens and never connects.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { replaceFileSync } from "./durable.ts";
import { lanAddresses } from "./network.ts";
import { whyUnusable } from "../shared/usage.ts";

/** A certificate and its key, ready to listen with. */
export interface Certificate {
  readonly cert: string; // PEM, with the chain if there is one
  readonly key: string; // PEM
  readonly fingerprint: string; // SHA-256, "AB:CD:…"
  readonly until: Date;
}
export interface CertificateFiles {
  cert: string;
  key: string;
}

/** Where a certificate comes from: "own" is self-signed and kept in the data folder. */
export type CertificateSource = "own" | CertificateFiles;

const DAYS = 3650; // a self-signed certificate is trusted by its fingerprint, so its age says nothing

/** Reads a certificate and its key. Throws an Error whose message is one sentence for people when they cannot be used. */
export function readCertificate({ cert: certFile, key: keyFile }: CertificateFiles): Certificate {
  const cert = readText(certFile, "certificate");
  const key = readText(keyFile, "key");
  const first = attempt(() => new X509Certificate(cert), `${certFile} is not a certificate in PEM form.`);
  if (/ENCRYPTED/.test(key)) throw new Error(`The key in ${keyFile} has a passphrase. Save it without one, mode 0600.`);
  const secret = attempt(() => createPrivateKey(key), `${keyFile} is not a private key in PEM form.`);
  if (!first.checkPrivateKey(secret)) throw new Error(`${keyFile} is not the key of the certificate ${certFile}.`);
  attempt(() => createSecureContext({ cert, key }), `${certFile} and ${keyFile} cannot be used for TLS.`);
  return { cert, key, fingerprint: first.fingerprint256, until: new Date(first.validTo) };
}

/** The server's certificate. Its own, `tls-cert.pem` and `tls-key.pem` (0600) in `folder`, is made the first time, for
 *  localhost and this computer's addresses. Throws an Error with one sentence when it cannot be used, or cannot be made. */
export function loadCertificate(source: CertificateSource, folder: string): Certificate {
  if (source !== "own") return readCertificate(source);
  const files = ownFiles(folder);
  if (!existsSync(files.cert)) make(files, lanAddresses());
  return readCertificate(files);
}

/** Throws what `loadCertificate` would throw; makes nothing. */
export function checkCertificate(source: CertificateSource, folder: string): void {
  const files = source === "own" ? ownFiles(folder) : source;
  if (source !== "own" || existsSync(files.cert)) readCertificate(files);
  else if (Bun.which("openssl") === null)
    throw new Error(
      "A certificate of its own needs the openssl program, which is not installed here. Install it, or bring a certificate: --tls-cert FILE --tls-key FILE.",
    );
}

function ownFiles(folder: string): CertificateFiles {
  return { cert: join(folder, "tls-cert.pem"), key: join(folder, "tls-key.pem") };
}

/** Both PEMs come by openssl's output and nothing but finished files is left behind; the key comes first, so that a
 *  certificate without its key never exists. */
function make(files: CertificateFiles, addresses: readonly string[]): void {
  const names = ["DNS:localhost", ...["127.0.0.1", "::1", ...addresses].map((address) => `IP:${address}`)];
  const command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  command.push("-days", String(DAYS), "-subj", "/CN=Banter", "-addext", `subjectAltName=${names.join(",")}`);
  command.push("-keyout", "-", "-out", "-");
  const { stdout, stderr, exitCode } = Bun.spawnSync(command);
  const [key] = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n/.exec(stdout.toString()) ?? [];
  const [cert] = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/.exec(stdout.toString()) ?? [];
  if (exitCode !== 0 || key === undefined || cert === undefined)
    throw new Error(`openssl could not make a certificate: ${stderr.toString().trim().split("\n")[0]}.`);
  replaceFileSync(files.key, key);
  replaceFileSync(files.cert, cert, 0o644);
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch (problem) {
    throw new Error(`Cannot read the ${what} ${file}: ${whyUnusable(problem)}.`);
  }
}

function attempt<T>(work: () => T, sentence: string): T {
  try {
    return work();
  } catch {
    throw new Error(sentence);
  }
}
