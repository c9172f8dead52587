import { z } from 'zod'

/** The building blocks of the request bodies; the messages Zod gives for them are the ones the real API sends. */

const split = (values: string): [string, ...string[]] => {
  const [first = '', ...rest] = values.split(' ')
  return [first, ...rest]
}

/** One of the words of a space-separated list. */
export const oneOf = (values: string) => z.enum(split(values))

export const RATIOS = {
  gen4: '1280:720 720:1280 1104:832 960:960 832:1104 1584:672',
  veo: '1280:720 720:1280 1080:1920 1920:1080',
  gen4Image:
    '1024:1024 1080:1080 1168:880 1360:768 1440:1080 1080:1440 1808:768 1920:1080 1080:1920 2112:912 1280:720 720:1280 720:720 960:720 720:960 1680:720',
  seedanceSmall: '1280:720 720:1280 960:960 992:432 864:496 752:560 640:640 560:752 496:864 1470:630 1112:834 834:1112',
  seedanceLarge:
    '1080:1920 1920:1080 1440:1440 2206:946 1664:1248 1248:1664 3840:1646 3840:2160 3840:2880 3840:3840 2880:3840 2160:3840',
  seedance25:
    '1280:720 720:1280 1080:1920 1920:1080 960:960 1440:1440 992:432 752:560 640:640 560:752 1470:630 1112:834 834:1112 2206:946 1664:1248 1248:1664 854:480 480:854',
  wan: '1280:720 720:1280 1080:1920 1920:1080 960:960 1440:1440 832:480 720:544 624:624 544:720 480:832 1104:832 832:1104 1648:1248 1248:1648 auto_480p auto_720p auto_1080p',
  omni: '1280:720 720:1280 1080:1920 1920:1080 3840:2160 2160:3840 640:360 360:640',
  hailuo: 'adaptive 21:9 16:9 4:3 1:1 3:4 9:16',
  happyhorse: '1280:720 720:1280 960:960 1108:832 832:1108 1920:1080 1080:1920 1440:1440 1662:1248 1248:1662',
  grok: '16:9 4:3 1:1 3:4 9:16 3:2 2:3',
  geminiFlash: '1344:768 768:1344 1024:1024 1184:864 864:1184 1536:672 832:1248 1248:832 896:1152 1152:896',
  seed004: '1280:720 1584:672 1104:832 720:1280 832:1104 960:960',
} as const

export const text = (maxLength: number) => z.string().min(1).max(maxLength)
export const uri = z.string().min(1)
export const flag = z.boolean().optional()
export const seed = z.int().min(0).max(4_294_967_295).optional()
export const percent = z.number().min(0).max(100).optional()
export const seconds = (min: number, max: number) => z.int().min(min).max(max)
export const secondsOrAuto = z.union([z.number().positive(), z.literal('auto')]).optional()
export const contentModeration = z.strictObject({ publicFigureThreshold: oneOf('auto low').optional() }).optional()

const reference = z.strictObject({ uri })
export const references = (max: number) => z.array(reference).max(max).optional()
export const referenceVideos = z.array(z.strictObject({ type: z.literal('video'), uri })).optional()
export const referenceAudio = z.array(z.strictObject({ type: z.literal('audio'), uri })).optional()
export const typedMedia = (types: string) => z.strictObject({ type: oneOf(types), uri })

const tag = z.string().regex(/^[A-Za-z][A-Za-z0-9_]{2,15}$/)
const taggedImage = z.strictObject({ uri, tag: tag.optional() })
const subjectImage = taggedImage.extend({ subject: oneOf('human object').optional() })
const hasUniqueTags = (images: { tag?: string | undefined }[]): boolean => {
  const tags = images.flatMap((image) => (image.tag === undefined ? [] : [image.tag]))
  return new Set(tags).size === tags.length
}
export const taggedImages = (max: number, min = 0) =>
  z.array(taggedImage).min(min).max(max).refine(hasUniqueTags, 'Reference image tags must be unique')
export const subjectImages = (max: number) =>
  z.array(subjectImage).max(max).refine(hasUniqueTags, 'Reference image tags must be unique')

const positioned = (positions: string) => z.strictObject({ uri, position: oneOf(positions) })
/** A single opening frame. */
export const firstFrame = z.union([uri, z.array(positioned('first')).min(1).max(1)])
/** An opening frame and, if wished, a closing one. */
export const firstAndLastFrame = z.union([
  uri,
  z
    .array(positioned('first last'))
    .min(1)
    .max(2)
    .refine((frames) => frames.filter((frame) => frame.position === 'first').length === 1, 'A first frame is required'),
])
/** Key frames when every image has a position, references when none has. */
export const keyFramesOrReferences = z.union([
  uri,
  z
    .array(z.strictObject({ uri, position: oneOf('first last').optional() }))
    .min(1)
    .refine(
      (images) => new Set(images.map((image) => image.position !== undefined)).size === 1,
      'Either every image has a position or none has',
    ),
])

const SPOKEN_BY =
  'Maya Arjun Serene Bernard Billy Mark Clint Mabel Chad Leslie Eleanor Elias Elliot Grungle Brodie Sandra Kirk Kylie Lara Lisa Malachi Marlene Martin Miriam Monster Paula Pip Rusty Ragnar Xylar Maggie Jack Katie Noah James Rina Ella Mariah Frank Claudia Niki Vincent Kendrick Myrna Tom Wanda Benjamin Kiana Rachel'
export const presetVoice = z.strictObject({ type: z.literal('runway-preset'), presetId: oneOf(SPOKEN_BY) })
