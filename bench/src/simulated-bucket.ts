type Store = { url: string; bucket: string; region: string; accessKeyId: string; secretAccessKey: string }

/** The environment of API and worker with the simulator's bucket instead of a folder. */
export function simulatedBucket(store: Store): Record<string, string> {
  return {
    STORAGE_URL: `s3://${store.bucket}/bench`,
    S3_ENDPOINT: store.url,
    S3_FORCE_PATH_STYLE: 'true',
    AWS_REGION: store.region,
    AWS_ACCESS_KEY_ID: store.accessKeyId,
    AWS_SECRET_ACCESS_KEY: store.secretAccessKey,
  }
}
