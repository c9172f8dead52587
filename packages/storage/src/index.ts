export { openStorage } from './open-storage.ts'
export type { S3Options } from './s3-client.ts'
export type {
  ByteRange,
  ListedObject,
  ObjectInfo,
  PresignOptions,
  PutOptions,
  ReadObject,
  Storage,
  StoredObject,
} from './storage.ts'
export { StorageError, type StorageErrorCode } from './storage-error.ts'
