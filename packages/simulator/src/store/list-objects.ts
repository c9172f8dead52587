import { type Answer, type Call, xmlAnswer } from './answer.ts'
import { S3Error } from './s3-error.ts'
import { uriEncode } from './s3-request.ts'
import { document, element, parent } from './xml.ts'

/** ListObjectsV2: keys in byte order, by prefix and delimiter, a page at a time. */
export async function listObjects({ request, bucket, listPageKeys }: Call): Promise<Answer> {
  const { query } = request
  const prefix = query.get('prefix') ?? ''
  const delimiter = query.get('delimiter') ?? ''
  const token = query.get('continuation-token')
  const after = token === undefined ? query.get('start-after') : Buffer.from(token, 'base64url').toString()
  const maxKeys = Number(query.get('max-keys') ?? listPageKeys)
  if (!Number.isInteger(maxKeys) || maxKeys < 0) throw new S3Error('InvalidArgument', 'max-keys must be a whole number')
  const encode = query.get('encoding-type') === 'url' ? uriEncode : (text: string) => text

  const rows = new Map<string, string>()
  let last = ''
  let truncated = false
  for (const key of [...bucket.objects.keys()].sort(byBytes)) {
    if (!key.startsWith(prefix) || (after !== undefined && byBytes(key, after) <= 0)) continue
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    const group = end < 0 ? undefined : key.slice(0, end + delimiter.length)
    if (group !== undefined && after?.startsWith(group)) continue
    if (!rows.has(group ?? key) && rows.size >= Math.min(maxKeys, listPageKeys)) {
      truncated = rows.size > 0
      break
    }
    last = key
    const { body, etag, lastModified } = bucket.get(key)
    const row =
      group === undefined
        ? parent('Contents', [
            element('Key', encode(key)),
            element('LastModified', lastModified.toISOString()),
            element('ETag', etag),
            element('Size', body.length),
            element('StorageClass', 'STANDARD'),
          ])
        : parent('CommonPrefixes', [element('Prefix', encode(group))])
    rows.set(group ?? key, row)
  }
  const head = [
    element('Name', bucket.name),
    element('Prefix', encode(prefix)),
    element('KeyCount', rows.size),
    element('MaxKeys', maxKeys),
    element('EncodingType', query.get('encoding-type')),
    element('IsTruncated', truncated),
    element('ContinuationToken', token),
    element('NextContinuationToken', truncated ? Buffer.from(last).toString('base64url') : undefined),
  ]
  return xmlAnswer(document('ListBucketResult', [...head, ...rows.values()]))
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
