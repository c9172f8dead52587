import type { InputPlace } from './fill-inputs.ts'
import type { VendorBody } from './provider.ts'

type Json = Readonly<Record<string, unknown>>

/**
 * What `/v1/videos` asks of a vendor: the contract's `CreateVideoRequest` without the options of the job, the model
 * without `<provider>/`. Every further key is the vendor's and is passed on under its own name.
 */
export type VideoRequest = {
  readonly model: string
  readonly prompt?: string | undefined
  readonly seconds?: string | undefined
  readonly size?: string | undefined
  readonly input_reference?: string | { readonly image_url?: string | undefined } | undefined
  readonly seed?: number | undefined
  readonly audio?: boolean | undefined
  readonly video_uri?: string | undefined
  readonly negative_prompt?: string | undefined
  readonly references?: readonly Json[] | undefined
  readonly reference_images?: readonly Json[] | undefined
  readonly content_moderation?: Json | undefined
  readonly [extra: string]: unknown
}

/** What stands for `input_reference` and `video_uri` once they are stored or checked; wins over the request's own. */
export type VideoInputs = { readonly image?: string | InputPlace; readonly video?: string | InputPlace }

export type VideoTranslation = {
  operation: string
  model: string
  body: VendorBody
  /** What the video object shows: defaults filled in, in OpenAI's spelling. */
  display: { prompt: string | null; size: string | null; seconds: string | null }
}
