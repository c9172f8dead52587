import { PROVIDERS, ProblemError, ProviderName } from '@genqueue/contract'

/** `<provider>/<model>`; the model keeps whatever else is in it, as `runware/runware:101@1` does. */
export function splitModel(text: string): { provider: ProviderName; model: string } {
  const slash = text.indexOf('/')
  const provider = ProviderName.safeParse(text.slice(0, slash))
  if (slash < 1 || slash === text.length - 1 || !provider.success) {
    const message = `model must be <provider>/<model> with a provider of ${PROVIDERS.join(', ')}, for instance runway/gen4_turbo or runware/runware:101@1`
    throw new ProblemError('invalid_model', message, { param: 'model' })
  }
  return { provider: provider.data, model: text.slice(slash + 1) }
}
