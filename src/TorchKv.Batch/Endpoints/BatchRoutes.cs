using TorchKv.Batch.Contracts;
using TorchKv.Server.OpenApi;
using TorchKv.Server.Running;

namespace TorchKv.Batch.Endpoints;

/// <summary>The endpoints of files and batches.</summary>
internal static class BatchRoutes
{
    public static readonly ServedRoute Upload = new(
        "POST", "/v1/files", EndpointAccess.Key, "Stores a file of requests, sent as multipart/form-data.")
    {
        Answer = BatchJson.Default.FileObject,
    };

    public static readonly ServedRoute Files = new("GET", "/v1/files", EndpointAccess.Key, "The key's files.")
    {
        Answer = BatchJson.Default.FileList,
    };

    public static readonly ServedRoute File = new("GET", "/v1/files/{id}", EndpointAccess.Key, "One file.")
    {
        Answer = BatchJson.Default.FileObject,
    };

    public static readonly ServedRoute Content = new(
        "GET", "/v1/files/{id}/content", EndpointAccess.Key, "A file's content.")
    {
        Media = "application/jsonl",
    };

    public static readonly ServedRoute DeleteFile = new(
        "DELETE", "/v1/files/{id}", EndpointAccess.Key, "Deletes a file.")
    {
        Answer = BatchJson.Default.DeletedFile,
    };

    public static readonly ServedRoute Create = new(
        "POST", "/v1/batches", EndpointAccess.Key, "Runs a file's requests in the background.")
    {
        Body = BatchJson.Default.BatchRequest,
        Answer = BatchJson.Default.BatchObject,
    };

    public static readonly ServedRoute Batches = new(
        "GET", "/v1/batches", EndpointAccess.Key, "The key's batches, the newest first.")
    {
        Answer = BatchJson.Default.BatchList,
    };

    public static readonly ServedRoute Batch = new("GET", "/v1/batches/{id}", EndpointAccess.Key, "One batch.")
    {
        Answer = BatchJson.Default.BatchObject,
    };

    public static readonly ServedRoute Cancel = new(
        "POST", "/v1/batches/{id}/cancel", EndpointAccess.Key, "Ends a batch early; what is finished stays.")
    {
        Answer = BatchJson.Default.BatchObject,
    };

    public static IReadOnlyList<ServedRoute> All { get; } =
        [Upload, Files, File, Content, DeleteFile, Create, Batches, Batch, Cancel];
}
