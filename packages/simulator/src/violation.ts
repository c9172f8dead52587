export type ViolationKind =
  | 'poll_too_soon'
  | 'parallel_polls'
  | 'poll_after_terminal'
  | 'create_retried_blindly'
  | 'version_header'
  | 'authorization_leaked'
  | 'deleted_before_download'
  | 'too_many_tasks'

export interface Violation {
  readonly kind: ViolationKind
  readonly atMs: number
  readonly detail: string
  readonly taskId?: string
}
