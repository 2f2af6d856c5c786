using Microsoft.AspNetCore.Routing;

namespace TorchKv.Server.Running;

/// <summary>Maps endpoints of another assembly with the server's own.</summary>
/// <param name="group">The endpoints' group.</param>
internal delegate void MapMore(RouteGroupBuilder group);
