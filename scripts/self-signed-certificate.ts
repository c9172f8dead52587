import { generateKeyPairSync, sign } from 'node:crypto'

const CN = '550403'
const SUBJECT_ALT_NAME = '551d11'
const ECDSA_WITH_SHA256 = '2a8648ce3d040302'

/** For tests: a key and a certificate for one DNS name, made on the spot so that no key lies in the repository. */
export function selfSignedCertificate(
  name: string,
  { isExpired = false }: { isExpired?: boolean } = {},
): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = der(0x30, oid(ECDSA_WITH_SHA256))
  const subject = der(0x30, der(0x31, der(0x30, oid(CN), der(0x0c, Buffer.from(name)))))
  const year = new Date().getUTCFullYear()
  const validity = der(0x30, utcTime(year - 2), utcTime(isExpired ? year - 1 : year + 1))
  const names = der(0x30, der(0x82, Buffer.from(name)))
  const extensions = der(0xa3, der(0x30, der(0x30, oid(SUBJECT_ALT_NAME), der(0x04, names))))
  const version = der(0xa0, der(0x02, Buffer.from([2])))
  const serial = der(0x02, Buffer.from([1]))
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const signed = der(0x30, version, serial, algorithm, subject, validity, subject, spki, extensions)
  const signature = der(0x03, Buffer.from([0]), sign('sha256', signed, privateKey))
  const body = der(0x30, signed, algorithm, signature).toString('base64')
  return {
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    cert: `-----BEGIN CERTIFICATE-----\n${body.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  }
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const header = length < 128 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(header), content])
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'))
}

function utcTime(year: number): Buffer {
  return der(0x17, Buffer.from(`${String(year).slice(2)}0101000000Z`))
}
