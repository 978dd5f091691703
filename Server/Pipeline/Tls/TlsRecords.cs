using DotNetty.Buffers;

namespace DotNettyFraming.Server.Pipeline.Tls;

/// <summary>Cuts what is read at the ends of TLS records: whole ones can be read, and the beginning of one is kept in an array of its own size.</summary>
/// <remarks>
/// <code>
/// +------+-------+-------+----------------+-----------
/// | type | major | minor | length, uint16 | fragment       big-endian; 20 to 23, 3, any, 1 to 2^14 + 2048
/// +------+-------+-------+----------------+-----------
/// </code>
/// <para><see cref="Take"/> a read, <see cref="Read"/> what is whole of it, <see cref="Finish"/>. Nothing of a read's buffer is kept. The
/// first byte that cannot be of a record is told at once; SslStream would wait for five. Threads: the connection's event loop.</para>
/// </remarks>
internal sealed class TlsRecords
{
    private const int HeaderBytes = 5;
    private const int LengthOffset = 3;

    /// <summary>What a record may carry, RFC 5246 section 6.2.3; with TLS 1.3 it is less.</summary>
    private const int MaxFragmentBytes = (16 * 1024) + 2048;

    /// <summary>Up to this size a record's room is taken at once.</summary>
    private const int WholeAtOnceBytes = 1024;

    /// <summary>The beginning of a record whose end has not come; with <see cref="_begunIsWhole"/>, its end is in <see cref="_input"/>.</summary>
    private byte[] _begun = [];
    private int _begunCount;
    private int _begunRead;
    private bool _begunIsWhole;

    private IByteBuffer? _input;
    private int _wholeEnd;
    private bool _ownsInput;

    /// <summary>Where in <see cref="_input"/> the record ends that is being read.</summary>
    private int _recordEnd;

    /// <summary>Bytes of the current record's header that have come: 0 = none is begun, 5 = its fragment comes.</summary>
    private int _header;

    /// <summary>The current record's fragment, as its header says, and what of it is still missing.</summary>
    private int _fragment;
    private int _missing;

    /// <summary>All bytes taken, of whatever kind.</summary>
    public long BytesTaken { get; private set; }

    /// <summary>Whole records taken.</summary>
    public long WholeRecords { get; private set; }

    /// <summary>Whether something came that is no TLS record. What is whole before it can still be read.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Bytes of whole records that have not been read.</summary>
    public int ReadableBytes => (_begunIsWhole ? _begunCount - _begunRead : 0) + (_input is null ? 0 : _wholeEnd - _input.ReaderIndex);

    /// <summary>Memory held for a record whose end has not come, and for input of its own, bytes.</summary>
    public int HeldBytes => _begun.Length + (_ownsInput ? _input!.Capacity : 0);

    /// <summary>Where that record begins, in bytes from the start of the stream; −1 for none.</summary>
    public long BegunAt => _begunCount > 0 ? BytesTaken - _begunCount : -1;

    /// <summary>Takes what was read, with its reference; until <see cref="Finish"/>.</summary>
    public void Take(IByteBuffer input)
    {
        BytesTaken += input.ReadableBytes;
        _input = input;
        _wholeEnd = _recordEnd = input.ReaderIndex;
        for (int at = input.ReaderIndex; at < input.WriterIndex;)
        {
            if (!TryAdvance(input, at, out at))
            {
                IsBroken = true;
                break;
            }

            if (_header == 0)
            {
                WholeRecords++;
                if (_begunCount > 0 && !_begunIsWhole)
                {
                    _begunIsWhole = true;
                    _recordEnd = at;
                }

                _wholeEnd = at;
            }
        }
    }

    /// <summary>Replaces the input by a copy of its own size, so that the read's buffer is free while another thread reads this.</summary>
    public void OwnInput()
    {
        IByteBuffer input = _input!;
        _input = Unpooled.CopiedBuffer(input);
        _wholeEnd -= input.ReaderIndex;
        _recordEnd -= input.ReaderIndex;
        _ownsInput = true;
        input.Release();
    }

    /// <summary>Reads of a whole record what has not been read, and fits; never past its end.</summary>
    /// <remarks>So SslStream has one record at a time. Had it two, and the second is bad, it would throw away what the first one carried.</remarks>
    public int Read(Span<byte> destination)
    {
        int count = 0;
        if (_begunIsWhole)
        {
            count = Math.Min(_begunCount - _begunRead, destination.Length);
            _begun.AsSpan(_begunRead, count).CopyTo(destination);
            _begunRead += count;
        }

        if (_input is not { } input)
        {
            return count;
        }

        if (count == 0 && input.ReaderIndex == _recordEnd && _recordEnd < _wholeEnd)
        {
            _recordEnd += HeaderBytes + input.GetUnsignedShort(_recordEnd + LengthOffset);
        }

        if (Math.Min(_recordEnd - input.ReaderIndex, destination.Length - count) is > 0 and int more)
        {
            input.GetIoBuffer(input.ReaderIndex, more).AsSpan().CopyTo(destination[count..]);
            input.SkipBytes(more);
            count += more;
        }

        return count;
    }

    /// <summary>Keeps the beginning of a record, and lets the buffer go; whole records that were not read are gone with it.</summary>
    public void Finish()
    {
        if (_begunIsWhole)
        {
            Forget();
        }

        IByteBuffer input = _input!;
        _input = null;
        _ownsInput = false;
        try
        {
            if (!IsBroken && input.WriterIndex > _wholeEnd)
            {
                Keep(input, input.WriterIndex - _wholeEnd);
            }
        }
        finally
        {
            input.Release();
        }
    }

    /// <summary>Lets go what is held.</summary>
    public void Forget()
    {
        _begun = [];
        _begunCount = _begunRead = 0;
        _begunIsWhole = false;
    }

    /// <summary>Goes to the end of the record, or of what is there of it.</summary>
    /// <returns>False: this is no TLS record.</returns>
    private bool TryAdvance(IByteBuffer input, int at, out int end)
    {
        for (end = at; _header < HeaderBytes; _header++)
        {
            if (end == input.WriterIndex)
            {
                return true;
            }

            if (!IsHeaderByte(input.GetByte(end++)))
            {
                return false;
            }
        }

        int step = Math.Min(_missing, input.WriterIndex - end);
        end += step;
        _missing -= step;
        if (_missing == 0)
        {
            _header = 0;
        }

        return true;
    }

    private bool IsHeaderByte(byte value)
    {
        switch (_header)
        {
            case 0:
                return value is >= 20 and <= 23;
            case 1:
                return value == 3;
            case 2:
                return true;
            case 3:
                _fragment = value << 8;
                return _fragment <= MaxFragmentBytes;
            default:
                _missing = _fragment |= value;
                return _fragment is > 0 and <= MaxFragmentBytes;
        }
    }

    /// <summary>As with packets: the first piece is held as it came, and grows by an eighth, so that a trickle is not copied at each byte.</summary>
    private void Keep(IByteBuffer input, int count)
    {
        int needed = _begunCount + count;
        if (_begun.Length < needed)
        {
            Array.Resize(ref _begun, Capacity(needed));
        }

        input.GetBytes(_wholeEnd, _begun, _begunCount, count);
        _begunCount = needed;
    }

    private int Capacity(int needed)
    {
        if (_header < HeaderBytes)
        {
            return HeaderBytes;
        }

        int record = HeaderBytes + _fragment;
        return record <= WholeAtOnceBytes ? record : Math.Min(record, Math.Max(needed, _begun.Length + (_begun.Length / 8)));
    }
}
