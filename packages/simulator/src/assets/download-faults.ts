import { type Args, errorReply, htmlPage } from '../fault-args.ts'
import type { DownloadBend, DownloadStep } from './download-step.ts'

type DownloadFault = (args: Args) => DownloadBend

/** Bends `n` downloads of an output, of every output unless `index` names one. */
const download =
  (step: (args: Args) => DownloadStep, times: number | 'forever' = 1): DownloadFault =>
  (args) => ({
    download: [
      {
        ...step(args),
        times: args.count('n', times),
        ...(args.text('index') === undefined ? {} : { index: args.number('index', 0) }),
      },
    ],
  })

const expired = (http: number): DownloadFault => download(() => ({ mode: 'expire', http }))

/** What can go wrong with a download, whoever made the output. */
export const DOWNLOAD_FAULTS = {
  'dl.expired_401': expired(401),
  'dl.expired_403': expired(403),
  'dl.404': download((args) => errorReply(args, 404, 'Not Found')),
  'dl.5xx': download((args) => errorReply(args, args.number('status', 503), 'Service Unavailable')),
  'dl.429': download((args) => errorReply(args, 429, 'Too Many Requests')),
  'dl.zero_bytes': download(() => ({ mode: 'zero' })),
  'dl.truncated': download(() => ({ mode: 'truncated' })),
  'dl.no_content_length': download(() => ({ mode: 'chunked' }), 'forever'),
  'dl.wrong_type': download((args) =>
    args.choice('type', ['html', 'octet-stream']) === 'html'
      ? { http: 200, ...htmlPage() }
      : { mode: 'ok', contentType: 'application/octet-stream' },
  ),
  'dl.huge': download((args) => ({ mode: 'huge', bytes: args.number('bytes', 10_000_000_000) }), 'forever'),
  'dl.slow': download((args) => ({ mode: 'slow', bytesPerSecond: args.number('bytesPerSecond', 10_000) })),
  'dl.stall_midway': download(() => ({ mode: 'stall' })),
  'dl.range_unsupported': download(() => ({ mode: 'no_range' }), 'forever'),
  'dl.range_ok': download(() => ({ mode: 'ok' })),
  'dl.etag_changes_between_ranges': download(() => ({ mode: 'etag' }), 'forever'),
  'dl.redirect': download((args) => ({
    http: args.number('status', 302),
    redirect: args.choice('to', ['same', 'other', 'metadata', 'http']),
    body: '',
  })),
  'dl.gzip_encoded': download(() => ({ mode: 'gzip' }), 'forever'),
  'dl.auth_leak_check': () => ({}),
  'dl.url_host_private': (args) => ({ url: { host: args.text('host', '10.0.0.1') } }),
  'dl.non_ascii_filename': (args) => ({ url: { fileName: args.text('name', 'vidéo ñandú 火') } }),
} as const satisfies Readonly<Record<string, DownloadFault>>
