import { z } from 'zod'
import { flag, oneOf, presetVoice, seed, text, typedMedia, uri } from './fields.ts'
import { model } from './model.ts'

const number = z.number().optional()
const seedAudio = {
  promptText: text(5000),
  outputFormat: oneOf('wav mp3 ogg_opus').optional(),
  sampleRate: z.literal([8000, 16_000, 24_000, 32_000, 44_100, 48_000]).optional(),
  speechRate: number,
  pitchRate: number,
  loudnessRate: number,
}

export const SOUND_EFFECT = {
  ...model(
    'eleven_text_to_sound_v2',
    { perTask: 2 },
    {
      promptText: text(3000),
      duration: z.number().min(0.5).max(30).optional(),
      loop: flag,
    },
  ),
  ...model('seed_audio', { perTask: 2 }, { ...seedAudio, referenceAudios: z.array(uri).max(3).optional() }),
}

export const TEXT_TO_SPEECH = {
  ...model('eleven_multilingual_v2', { charsPerCredit: 50 }, { promptText: text(10_000), voice: presetVoice }),
  ...model(
    'eleven_v3',
    { charsPerCredit: 50 },
    {
      promptText: text(5000),
      voice: presetVoice,
      applyTextNormalization: oneOf('auto on off').optional(),
      languageCode: z.string().optional(),
      seed,
      similarityBoost: number,
      speed: number,
      stability: number,
      style: number,
      useSpeakerBoost: flag,
    },
  ),
  ...model(
    'seed_audio',
    { charsPerCredit: 50 },
    {
      ...seedAudio,
      voice: z.strictObject({ type: z.literal('reference-audio'), audioUri: uri }).optional(),
    },
  ),
}

export const SPEECH_TO_SPEECH = model(
  'eleven_multilingual_sts_v2',
  { perTask: 2 },
  {
    media: typedMedia('audio video'),
    voice: presetVoice,
    removeBackgroundNoise: flag,
  },
)

export const VOICE_DUBBING = model(
  'eleven_voice_dubbing',
  { perTask: 3 },
  {
    audioUri: uri,
    targetLang: oneOf('en hi pt zh es fr de ja ar ru ko id it nl tr pl sv fil ms ro uk el cs da fi bg hr sk ta'),
    disableVoiceCloning: flag,
    dropBackgroundAudio: flag,
    numSpeakers: z.int().min(1).optional(),
  },
)

export const VOICE_ISOLATION = model('eleven_voice_isolation', { perTask: 1 }, { audioUri: uri })
